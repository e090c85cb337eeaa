from __future__ import annotations

import pytest

from linvt_cli.errors import MachineError
from linvt_cli.evaluation.kept_replies import KeptReplies, key_of


def test_a_torn_line_of_kept_replies_is_left_out(tmp_path):
    path = tmp_path / "judge.jsonl"
    KeptReplies(path).keep("a", "yes", "v", judge="j")
    with path.open("a") as file:
        file.write('{"key": "b", "re')
    kept = KeptReplies(path)
    assert kept.find("b") is None
    found = kept.find("a")
    assert found is not None
    assert found["reply"] == "yes"


def test_what_comes_after_a_torn_letter_is_kept_whole(tmp_path):
    path = tmp_path / "judge.jsonl"
    path.write_bytes('{"key": "a", "reply": "né'.encode()[:-1])
    KeptReplies(path).keep("b", "one\u2028two\x85", "v", judge="j")
    found = KeptReplies(path).find("b")
    assert found is not None
    assert found["reply"] == "one\u2028two\x85"


def test_replies_that_cannot_be_kept_are_an_error_of_the_machine(tmp_path):
    with pytest.raises(MachineError, match="where replies of the judge are kept"):
        KeptReplies(tmp_path)
    with pytest.raises(MachineError, match="where replies of the judge are kept"):
        KeptReplies(tmp_path / "none" / "judge.jsonl").keep("a", "yes", "v", judge="j")


def test_another_address_or_request_has_another_key():
    keys = {key_of(url, {"model": model}) for url in ("a", "b") for model in ("x", "y")}
    assert len(keys) == 4
    assert key_of("a", {"x": 1, "y": 2}) == key_of("a", {"y": 2, "x": 1})
