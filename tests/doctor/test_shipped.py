from __future__ import annotations

import pytest

from linvt_cli.doctor import shipped
from linvt_cli.doctor.findings import Circumstances
from linvt_cli.doctor.golden import Golden, checksums
from linvt_cli.doctor.shipped import check_answer, check_files
from linvt_cli.errors import BackboneError, BackboneLoadError


def test_the_shipped_files_are_as_recorded():
    assert check_files(Circumstances()).facts == {"files": len(checksums())}


@pytest.mark.parametrize(
    ("found", "trouble"),
    [
        ({"a": "1", "b": "2"}, r"b is not as shipped"),
        ({"a": "2", "b": "2"}, r"a, b are not as shipped"),
        ({"a": "1"}, r"b is missing"),
    ],
)
def test_files_that_are_missing_or_changed_are_named(monkeypatch, found, trouble):
    monkeypatch.setattr(shipped, "read_golden", lambda: Golden("?", "!", {"a": "1", "b": "1"}))
    monkeypatch.setattr(shipped, "checksums", lambda: found)
    with pytest.raises(BackboneLoadError, match=trouble):
        check_files(Circumstances())


def test_the_right_answer_is_shown(monkeypatch):
    monkeypatch.setattr(shipped, "read_golden", lambda: Golden("What?", "A cat.", {}))
    monkeypatch.setattr(shipped, "answer_of_nano", lambda _: "A cat.")
    assert check_answer(Circumstances()).message == "A cat."


def test_another_answer_is_a_failure_that_shows_both(monkeypatch):
    monkeypatch.setattr(shipped, "read_golden", lambda: Golden("What?", "A cat.", {}))
    monkeypatch.setattr(shipped, "answer_of_nano", lambda _: "A dog.")
    with pytest.raises(BackboneError, match=r"nano answers 'A dog\.' and should answer 'A cat\.'"):
        check_answer(Circumstances())
