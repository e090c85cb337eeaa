"""What a batch says of failures on stderr: which video, which question, and once what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from linvt_cli.cli.app import run
from linvt_cli.errors import ContextLengthError
from tests.cli.faults import write_clip

HERE = ["--decode-workers", "0", "--model", "nano", "--jsonl"]
TOO_LONG = "The prompt has 9 tokens, and 'tiny' takes 8"


@pytest.fixture(autouse=True)
def folder(loads, tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(["a.mp4", "b.mp4", "it's.mp4"]):
        write_clip(tmp_path / name, number)
    return Path(tmp_path)


@pytest.fixture
def too_long(monkeypatch, qa) -> None:
    """Let the fake model refuse questions that begin with 'Long'."""
    usual_assemble = qa.assemble

    def assemble(watched: Any, video_tokens: Any, question: str, *others: Any, **options: Any):
        if question.startswith("Long"):
            raise ContextLengthError(TOO_LONG, length=9, limit=8, hint="ask less")
        return usual_assemble(watched, video_tokens, question, *others, **options)

    monkeypatch.setattr(qa, "assemble", assemble)


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    lines = capsys.readouterr().err.splitlines()
    return [line for line in lines if line.startswith(("error: ", "hint: "))]


def test_an_error_names_its_video_and_each_hint_stands_there_once(too_long, capsys):
    assert run(["ask", "a.mp4", "b.mp4", "Long?", *HERE]) == 6
    assert said(capsys) == [
        f"error: a.mp4: {TOO_LONG}",
        "hint: ask less",
        f"error: b.mp4: {TOO_LONG}",
    ]


def test_of_several_questions_it_names_the_one_that_failed(too_long, capsys):
    longer = "Long" * 15
    questions = ["-q", "Short?", "-q", "Long\nas it is?", "-q", f"{longer}, and so on?"]
    assert run(["ask", "a.mp4", "b.mp4", *questions, *HERE]) == 7
    assert [line for line in said(capsys) if "error" in line] == [
        f"error: {video}, '{question}': {TOO_LONG}"
        for video in ("a.mp4", "b.mp4")
        for question in ("Long as it is?", f"{longer}…")
    ]


def test_a_message_that_names_the_video_is_left_as_it_is(folder, capsys):
    (folder / "it's.mp4").write_text("no video")
    assert run(["ask", "none.mp4", "it's.mp4", "a.mp4", "-q", "Who?", "-q", "Why?", *HERE]) == 7
    errors = [line for line in said(capsys) if "error" in line]
    assert len(errors) == 2
    assert errors[0] == "error: There is no file 'none.mp4'"
    assert errors[1].endswith("/it's.mp4' is not a video that can be read")


def test_a_part_that_cannot_be_names_the_video_of_its_row_and_no_question(folder, capsys):
    rows = [{"video": name, "start": 3, "end": 2} for name in ("a.mp4", "b.mp4")]
    Path("list.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert run(["ask", "--from", "list.jsonl", "-q", "Who?", "-q", "Why?", *HERE]) == 2
    first, hint, second = said(capsys)
    assert first.startswith("error: a.mp4: ")
    assert hint.startswith("hint: ")
    assert second == first.replace("a.mp4", "b.mp4")
