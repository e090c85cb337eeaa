from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from huggingface_hub import constants

from linvt_cli.doctor import network
from linvt_cli.doctor.findings import Circumstances
from linvt_cli.doctor.network import check_network
from linvt_cli.errors import DownloadError


class Hub(ThreadingHTTPServer):
    """A server that answers HEAD with one status, and counts."""

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = status
        self.requests: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.server.requests.append(self.path)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub(200) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def online(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize("status", [200, 401, 404])
def test_a_hub_that_answers_is_reached_whatever_it_says(hub, monkeypatch, status):
    hub.status = status
    monkeypatch.setattr(constants, "ENDPOINT", hub.address)
    finding = check_network(Circumstances())
    assert (finding.status, finding.message) == ("ok", f"{hub.address} answers")
    assert finding.facts == {"endpoint": hub.address, "status": status}
    assert hub.requests == ["/"]


def test_a_hub_in_trouble_is_a_warning(hub, monkeypatch):
    hub.status = 503
    monkeypatch.setattr(constants, "ENDPOINT", hub.address)
    finding = check_network(Circumstances())
    assert finding.status == "warning"
    assert finding.message.endswith("cannot be reached: it answers with status 503")
    assert finding.hint is not None


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An address at which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setattr(constants, "ENDPOINT", address)
        yield address


@pytest.mark.parametrize("model", [None, "nano", "./my-model"])
def test_no_hub_is_a_warning_where_no_model_comes_from_it(nobody, model):
    finding = check_network(Circumstances(model))
    assert finding.status == "warning"
    assert finding.message.startswith(f"{nobody} cannot be reached: ")


@pytest.mark.parametrize("model", ["qwen2-vl-2b", "hub:owner/name"])
def test_no_hub_is_a_failure_where_a_model_comes_from_it(nobody, model):
    with pytest.raises(DownloadError, match="cannot be reached"):
        check_network(Circumstances(model))


def test_no_hub_is_a_warning_where_the_model_is_here(nobody, monkeypatch, tmp_path):
    monkeypatch.setattr(network, "find_snapshot", lambda source: tmp_path)
    assert check_network(Circumstances("qwen2-vl-2b")).status == "warning"


def test_names_of_the_users_own_are_known(nobody, tmp_path, monkeypatch):
    monkeypatch.setenv("LINVT_HOME", str(tmp_path))
    (tmp_path / "models.toml").write_text(
        '[lectures]\nfrom = "/data/qwen"\n\n[talks]\nfrom = "hub:me/talks"\n'
    )
    assert check_network(Circumstances("lectures")).status == "warning"
    with pytest.raises(DownloadError, match="cannot be reached"):
        check_network(Circumstances("talks"))


def test_a_hub_that_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(network, "SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setattr(constants, "ENDPOINT", address)
        assert check_network(Circumstances()).status == "warning"


def test_an_address_that_is_none_is_a_warning(monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "huggingface.co")
    assert check_network(Circumstances()).status == "warning"


def test_offline_asks_nobody(hub, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", hub.address)
    assert check_network(Circumstances(offline=True)).status == "skipped"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert check_network(Circumstances()).status == "skipped"
    assert hub.requests == []
