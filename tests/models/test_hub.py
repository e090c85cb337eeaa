from __future__ import annotations

import pytest
from huggingface_hub import close_session

from linvt_cli.errors import (
    AccessDeniedError,
    ConnectionLostError,
    DownloadError,
    HubUnavailableError,
    NotOnHubError,
    OfflineError,
    WrongBytesError,
)
from linvt_cli.models.hub import Hub
from linvt_cli.models.source import HubSource
from tests.models.hub_server import Fault
from tests.models.repos import honest_repo

SOURCE = HubSource("owner/name")


@pytest.fixture
def client(hub):
    return Hub(hub.endpoint, stall=60)


def test_a_branch_is_resolved_to_its_commit_with_all_files(hub, client):
    files = honest_repo()
    commit = hub.publish("owner/name", files)
    listing = client.list_files(SOURCE)
    assert (listing.commit, listing.source) == (commit, SOURCE)
    assert {file.path: file.size for file in listing.files} == {
        name: len(content) for name, content in files.items()
    }
    assert {file.path: file.checksum.kind for file in listing.files}["config.json"] == "git"


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (401, (), AccessDeniedError),
        (401, (("X-Error-Code", "GatedRepo"),), AccessDeniedError),
        (403, (), AccessDeniedError),
        (403, (("X-Error-Code", "GatedRepo"),), AccessDeniedError),
        (404, (), NotOnHubError),
        (404, (("X-Error-Code", "RevisionNotFound"),), NotOnHubError),
        (429, (), HubUnavailableError),
        (503, (), HubUnavailableError),
        (418, (), DownloadError),
    ],
)
def test_each_refusal_is_an_error_of_its_own_with_one_line_and_a_hint(
    hub, client, status, headers, kind
):
    hub.faults.append(Fault("status", status, headers=headers))
    with pytest.raises(DownloadError) as caught:
        client.list_files(SOURCE)
    assert type(caught.value) is kind
    assert f"({status})" in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_an_unknown_repository_and_an_unknown_commit_are_told(hub, client):
    with pytest.raises(NotOnHubError, match="does not have 'owner/name'"):
        client.list_files(SOURCE)
    hub.publish("owner/name", honest_repo())
    with pytest.raises(NotOnHubError):
        client.list_files(HubSource("owner/name", "0" * 40))


def test_a_silent_server_and_no_server_are_told(hub):
    hub.faults.append(Fault("silent"))
    with pytest.raises(ConnectionLostError, match="sent nothing"):
        Hub(hub.endpoint, stall=0.3).list_files(SOURCE)
    with pytest.raises(ConnectionLostError, match="failed"):
        Hub("http://127.0.0.1:9").list_files(SOURCE)


def test_a_page_that_wants_a_login_is_no_listing(hub, client):
    hub.publish("owner/name", honest_repo())
    hub.faults.append(Fault("garbage"))
    with pytest.raises(DownloadError, match="in a way that linvt cannot read") as caught:
        client.list_files(SOURCE)
    assert caught.value.hint == "is HF_ENDPOINT right?"


@pytest.mark.parametrize(
    "said",
    [
        {"rfilename": "config.json"},
        {"rfilename": "config.json", "size": -1, "blobId": "0" * 40},
        {"rfilename": "config.json", "size": 1, "blobId": "../../etc/passwd"},
        {"rfilename": "config.json", "size": 1, "lfs": {"size": 1, "sha256": "", "pointerSize": 1}},
    ],
)
def test_a_listing_that_makes_no_sense_is_refused(hub, client, said):
    hub.publish("owner/name", honest_repo())
    hub.listed["config.json"] = said
    with pytest.raises(DownloadError, match="in a way that linvt cannot read"):
        client.list_files(SOURCE)


def test_the_token_goes_to_the_hub_and_not_to_its_storage(hub, client, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.publish("owner/name", honest_repo())
    listing = client.list_files(SOURCE)
    for file in listing.files:
        with client.open(listing, file, 0) as body:
            assert body.start == 0
            assert sum(map(len, body.pieces)) == file.size
    authorized = {sent.path: sent.authorized for sent in hub.sent}
    assert authorized["config.json"]
    assert not authorized["model.safetensors"]


def redirected(address: str, status: int = 307) -> Fault:
    return Fault("status", status, headers=(("Location", address),))


LISTING = "/api/models/owner/name/revision/main"


def test_a_listing_on_another_host_is_read_and_the_token_stays_behind(hub, client, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    commit = hub.publish("owner/name", honest_repo())
    hub.faults.append(redirected(f"{hub.storage}{LISTING}"))
    assert client.list_files(SOURCE).commit == commit
    assert [(asked.host, asked.authorized) for asked in hub.asked] == [
        ("127.0.0.1", True), ("localhost", False),
    ]  # fmt: skip


def test_a_renamed_repository_is_followed_on_the_same_host_with_the_token(hub, client, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    commit = hub.publish("owner/new", honest_repo())
    hub.faults.append(redirected("/api/models/owner/new/revision/main", 301))
    assert client.list_files(SOURCE).commit == commit
    assert [asked.authorized for asked in hub.asked] == [True, True]


def test_a_file_is_followed_over_several_hosts_without_the_token(hub, client, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    commit = hub.publish("owner/name", honest_repo())
    listing = client.list_files(SOURCE)
    hub.asked.clear()
    target = f"/storage/{commit}/model.safetensors"
    # There, away, and back again: a token that was left behind must not come back.
    hub.faults += [redirected(f"{hub.storage}{target}"), redirected(f"{hub.endpoint}{target}")]
    (file,) = [file for file in listing.files if file.path == "model.safetensors"]
    with client.open(listing, file, 0) as body:
        assert sum(map(len, body.pieces)) == file.size
    assert [(asked.host, asked.authorized) for asked in hub.asked] == [
        ("127.0.0.1", True), ("localhost", False), ("127.0.0.1", False),
    ]  # fmt: skip


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_a_redirect_away_from_the_web_is_refused(hub, client, address):
    hub.faults.append(redirected(address))
    with pytest.raises(DownloadError, match="or to what is no address of the web") as caught:
        client.list_files(SOURCE)
    assert type(caught.value) is DownloadError


def test_a_redirect_to_nowhere_is_no_listing_and_no_file(hub, client):
    hub.publish("owner/name", honest_repo())
    listing = client.list_files(SOURCE)
    hub.faults += [Fault("status", 302)] * 2
    with pytest.raises(DownloadError, match="in a way that linvt cannot read"):
        client.list_files(SOURCE)
    with pytest.raises(WrongBytesError), client.open(listing, listing.files[0], 0):
        pass


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AccessDeniedError),
        (403, AccessDeniedError),
        (404, NotOnHubError),
        (416, WrongBytesError),
        (429, HubUnavailableError),
        (503, HubUnavailableError),
        (418, DownloadError),
    ],
)
def test_each_refusal_of_a_file_is_an_error_of_its_own(hub, client, status, kind):
    hub.publish("owner/name", honest_repo())
    listing = client.list_files(SOURCE)
    hub.faults.append(Fault("status", status))
    with pytest.raises(DownloadError) as caught, client.open(listing, listing.files[0], 0):
        pass
    assert type(caught.value) is kind
    assert caught.value.hint


@pytest.mark.parametrize("variable", ["LINVT_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_asks_nothing(hub, client, monkeypatch, variable):
    monkeypatch.setenv(variable, "1")
    with pytest.raises(OfflineError, match="is to stay offline") as caught:
        client.list_files(SOURCE)
    assert caught.value.hint == f"unset {variable}"
    assert hub.requests == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [("ALL_PROXY", "socks5://127.0.0.1:9"), ("ALL_PROXY", "socks://127.0.0.1:9"),
     ("SSL_CERT_FILE", "/no/such/file.pem")],
)  # fmt: skip
def test_a_proxy_or_certificates_that_cannot_be_used_are_told(client, monkeypatch, variable, value):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv(variable, value)
    close_session()  # which was made without
    with pytest.raises(DownloadError, match="The proxy or the certificates") as caught:
        client.list_files(SOURCE)
    assert "SSL_CERT_FILE" in str(caught.value.hint)
    monkeypatch.undo()
    close_session()


def test_a_password_in_the_address_is_used_and_never_told(hub):
    files = honest_repo()
    hub.publish("owner/name", files)
    client = Hub(hub.endpoint.replace("://", "://me:hidden@"), stall=60)
    assert client.endpoint == hub.endpoint
    assert len(client.list_files(SOURCE).files) == len(files)
    with pytest.raises(DownloadError) as caught:
        client.list_files(HubSource("owner/other"))
    assert "hidden" not in f"{caught.value.message} {caught.value.hint}"
