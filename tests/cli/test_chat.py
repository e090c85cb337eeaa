"""``linvt chat`` with lines from a pipe; test_chat_session.py types them at a terminal."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable

import pytest

from linvt_cli.cli.app import run
from tests.cli.schema import validate

Chat = Callable[..., int]


@pytest.fixture
def chat(loads, video, monkeypatch) -> Chat:
    """Run ``linvt chat`` about the video with these lines."""

    def run_chat(lines: str, *options: str) -> int:
        monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
        return run(["chat", str(video), *options])

    return run_chat


def test_each_line_is_answered_on_a_line(chat, capsys):
    assert chat("What?\n\n  \nWho?\n", "--model", "nano") == 0
    assert tuple(capsys.readouterr()) == ("A grey wall.\nA grey wall.\n", "")


def test_the_options_choose_model_and_frames(chat, loads, capsys):
    options = ["--model", "nano", "--tokenizer", "mean", "--device", "cpu", "--dtype", "float32"]
    assert chat("/frames\n", *options, "--at", "0.5,1", "--no-token-cache") == 0
    (call,) = loads
    assert call["tokenizer"] == "mean"
    assert call["token_cache"] is None
    assert "2 frames, 0.5 to 1.0 s of 3.0 s" in capsys.readouterr().err


def test_json_lines_are_records_of_answers_and_failures(chat, capsys):
    assert chat(f"What?\n{'?' * 5000}\n/frames\n", "--jsonl", "--model", "nano") == 7
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for record in records:
        validate(record)
    assert [record["answer"] for record in records] == ["A grey wall.", None]
    assert records[1]["error"]["type"] == "ContextLengthError"


def test_the_exit_code_says_whether_all_some_or_none_failed(chat, capsys):
    assert chat("", "--model", "nano") == 0
    assert chat("/nonsense\n", "--model", "nano") == 2
    assert chat("What?\n/nonsense\nWho?\n", "--model", "nano") == 7
    assert capsys.readouterr().out == "A grey wall.\nA grey wall.\n"


def test_nothing_is_read_behind_quit(chat, capsys):
    assert chat("What?\n/quit\nWho?\n", "--model", "nano") == 0
    assert capsys.readouterr().out == "A grey wall.\n"


def test_what_commands_say_is_not_on_stdout(chat, capsys):
    assert chat("/help\n/frames\n/at 1-2\n/model\n", "--model", "nano") == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("options", "code"), [(["--at", "noon"], 2), (["--model", "nanno"], 4), (["--at", "90"], 3)]
)
def test_what_cannot_be_had_at_all_is_an_error_before_any_line_is_read(chat, capsys, options, code):
    assert chat("What?\n", *options) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "error: " in shown.err


def test_a_video_that_is_not_there_is_one(loads, capsys):
    assert run(["chat", "missing.mp4"]) == 3
    assert loads == []


def test_quiet_silences_all_but_errors_and_what_was_asked_for(chat, capsys):
    assert chat("What?\n/nonsense\n/frames\n", "--quiet") == 7
    errors = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in errors[:2]] == ["error", "hint"]
    assert len(errors) == 4
