from __future__ import annotations

import time

import pytest

from linvt_cli.errors import ConnectionLostError, HubUnavailableError
from linvt_cli.models.patience import Patience

LOST = ConnectionLostError("lost")


@pytest.fixture
def slept(monkeypatch):
    """The seconds that were waited, without waiting."""
    seconds: list[float] = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


def test_waits_grow_up_to_the_longest_and_are_told(slept):
    told = []
    for failures in range(1, 9):
        Patience(attempts=99).wait(failures, LOST, lambda why, seconds: told.append((why, seconds)))
    assert told == [("lost", seconds) for seconds in slept]
    longest = [1, 2, 4, 8, 16, 30, 30, 30]
    assert all(top / 2 <= s <= top for s, top in zip(slept, longest, strict=True))


def test_the_last_failure_is_raised_at_once(slept):
    with pytest.raises(ConnectionLostError, match="lost"):
        Patience(attempts=3).wait(3, LOST, lambda *_: pytest.fail("it was told"))
    assert slept == []


def test_a_server_is_given_the_time_that_it_asks_for_within_reason(slept):
    Patience().wait(1, HubUnavailableError("busy", retry_after=17.0), lambda *_: None)
    assert slept == [17.0]
    with pytest.raises(HubUnavailableError):
        Patience().wait(1, HubUnavailableError("busy", retry_after=301.0), lambda *_: None)
