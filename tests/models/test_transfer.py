from __future__ import annotations

import pytest

from linvt_cli.errors import (
    ConnectionLostError,
    DownloadError,
    HubUnavailableError,
    WrongBytesError,
)
from linvt_cli.models.hub import Hub
from linvt_cli.models.patience import Patience
from linvt_cli.models.source import HubSource
from linvt_cli.models.transfer import Transfer
from tests.models.hub_server import Fault, HubServer

CONTENT = bytes(range(256)) * 8192  # 2 MiB
SOURCE = HubSource("owner/name")


@pytest.fixture
def part(tmp_path):
    return tmp_path / "file.part"


@pytest.fixture
def fetch(hub, watcher, part):
    """Fetch the one file of a repository, in as many attempts as given."""
    hub.publish("owner/name", {"model.safetensors": CONTENT})

    def run(attempts=3, stall=60.0, changed=None):
        listing = Hub(hub.endpoint, stall=60).list_files(SOURCE)
        if changed is not None:
            hub.change(SOURCE.repo, "model.safetensors", changed)
        client = Hub(hub.endpoint, stall=stall)
        patience = Patience(attempts=attempts, first_wait=0.001)
        transfer = Transfer(client, listing, patience, watcher.advanced, watcher.retrying)
        hub.requests.clear()
        return transfer.fetch(listing.files[0], part)

    return run


def on_storage(hub: HubServer, *faults: Fault) -> None:
    """Let answers of the storage go wrong, one after the other."""
    left = list(faults)
    hub.choose_fault = lambda path: left.pop(0) if "/storage/" in path and left else None


def test_a_lost_connection_goes_on_at_the_byte_where_it_stood(hub, fetch, part, watcher):
    on_storage(hub, Fault("drop", after=1_500_000), Fault("drop", after=100))
    fetch()
    assert part.read_bytes() == CONTENT
    assert hub.fetched("model.safetensors") == len(CONTENT) == watcher.num_bytes
    assert [sent.start for sent in hub.sent] == [0, 1_500_000, 1_500_100]
    assert len(watcher.retries) == 2


def test_a_stalled_connection_is_left_and_gone_on_with(hub, fetch, part, watcher):
    on_storage(hub, Fault("stall", after=1_500_000))
    fetch(attempts=9, stall=1.0)
    assert part.read_bytes() == CONTENT
    assert "sent nothing" in watcher.retries[0]


def test_a_part_of_an_earlier_run_is_gone_on_with(hub, fetch, part):
    part.write_bytes(CONTENT[:1_000_000])
    fetch()
    assert part.read_bytes() == CONTENT
    assert [(sent.start, sent.num_bytes) for sent in hub.sent] == [
        (1_000_000, len(CONTENT) - 1_000_000)
    ]


def test_a_complete_part_of_an_earlier_run_is_only_hashed(hub, fetch, part):
    part.write_bytes(CONTENT)
    fetch()
    assert hub.requests == []


@pytest.mark.parametrize("spoilt", [bytes(1_000_000), bytes(len(CONTENT)), CONTENT + b"!"])
def test_a_spoilt_part_of_an_earlier_run_is_fetched_anew(hub, fetch, part, spoilt):
    part.write_bytes(spoilt)
    fetch()
    assert part.read_bytes() == CONTENT


def test_a_server_that_cannot_begin_in_the_middle_begins_anew(hub, fetch, part, watcher):
    part.write_bytes(CONTENT[:1000])
    on_storage(hub, Fault("whole"))
    watcher.num_bytes = 1000
    fetch()
    assert part.read_bytes() == CONTENT
    assert watcher.num_bytes == len(CONTENT)


@pytest.mark.parametrize("kind", ["flip", "longer", "shorter"])
def test_wrong_bytes_are_refused_and_removed(hub, fetch, part, watcher, kind):
    on_storage(hub, *[Fault(kind)] * 9)
    with pytest.raises(WrongBytesError) as caught:
        fetch()
    assert caught.value.hint is not None
    assert not part.exists() or part.read_bytes() == b""
    assert watcher.num_bytes == 0


@pytest.mark.parametrize("here", [0, 1_000_000])
def test_a_file_that_changed_since_it_was_listed_is_refused_before_a_byte_is_read(
    fetch, part, watcher, here
):
    part.write_bytes(CONTENT[:here])
    with pytest.raises(WrongBytesError, match="has changed on the server") as caught:
        fetch(changed=CONTENT[::-1])
    assert caught.value.hint is not None
    assert watcher.num_bytes == 0
    assert part.read_bytes() == CONTENT[:here]  # of which nobody has said anything


@pytest.mark.parametrize("kind", ["page", "longer", "shorter"])
def test_what_is_sent_in_place_of_the_rest_costs_nothing_of_what_is_here(hub, fetch, part, kind):
    part.write_bytes(CONTENT[:1_000_000])
    on_storage(hub, Fault(kind))
    with pytest.raises(WrongBytesError) as caught:
        fetch()
    assert caught.value.hint is not None
    assert part.read_bytes() == CONTENT[:1_000_000]
    fetch()
    assert part.read_bytes() == CONTENT
    assert hub.sent[-1].start == 1_000_000


def test_a_file_that_became_shorter_is_told_from_its_part(hub, fetch, part):
    part.write_bytes(CONTENT[:-1])
    on_storage(hub, *[Fault("shorter")] * 9)
    with pytest.raises(WrongBytesError):
        fetch()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again_when_it_wants(hub, fetch, part, status):
    on_storage(hub, Fault("status", status, headers=(("Retry-After", "0"),)))
    fetch()
    assert part.read_bytes() == CONTENT


def test_a_server_that_stays_busy_is_given_up(hub, fetch, watcher):
    on_storage(hub, *[Fault("status", 503)] * 9)
    with pytest.raises(HubUnavailableError, match="busy or out of order \\(503\\)"):
        fetch(attempts=3)
    assert len(watcher.retries) == 2


def test_a_server_that_wants_hours_is_not_waited_for(hub, fetch, watcher):
    on_storage(hub, Fault("status", 429, headers=(("Retry-After", "7200"),)))
    with pytest.raises(HubUnavailableError) as caught:
        fetch()
    assert caught.value.retry_after == 7200
    assert watcher.retries == []


def test_a_server_that_stays_silent_is_given_up(hub, fetch):
    on_storage(hub, *[Fault("silent")] * 9)
    with pytest.raises(ConnectionLostError, match=r"sent nothing of .* for 0\.1 s"):
        fetch(attempts=2, stall=0.1)


def test_what_was_received_stays_for_the_next_run(hub, fetch, part):
    on_storage(hub, Fault("drop", after=500_000), *[Fault("drop")] * 9)
    with pytest.raises(ConnectionLostError):
        fetch()
    assert part.read_bytes() == CONTENT[:500_000]


def test_redirects_in_a_circle_end(hub, fetch):
    hub.choose_fault = lambda path: Fault("loop") if "/resolve/" in path else None
    with pytest.raises(DownloadError, match=r"redirects .* in a circle") as caught:
        fetch()
    assert type(caught.value) is DownloadError  # trying again would not help
