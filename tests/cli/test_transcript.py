from __future__ import annotations

import json
from typing import Any

import pytest
from markdown_it import MarkdownIt

from linvt_cli.cli.transcript import Transcript
from linvt_cli.errors import ConfigError, MachineError
from linvt_cli.pipeline import error_record, to_record
from tests.cli.schema import validate


@pytest.fixture
def records(qa, video) -> list[dict[str, Any]]:
    watched = qa.watch(video)
    answer = to_record(qa.ask(watched, "What is *there*?"))
    stopped = {**answer, "question": "And then?", "answer": "", "finish_reason": "interrupted"}
    return [
        answer,
        error_record(str(video), "Why?", ConfigError("no reason", field="x", hint="none")),
        stopped,
    ]


@pytest.fixture
def transcript(records) -> Transcript:
    made = Transcript()
    for record in records:
        made.add(record)
    return made


def test_markdown_has_each_question_what_came_of_it_and_what_that_rests_on(transcript, tmp_path):
    path = transcript.save(str(tmp_path / "chat.md"))
    assert path.read_text(encoding="utf-8") == (
        "# Conversation about grey.mp4\n\n"
        "## What is \\*there\\*?\n\n"
        "A grey wall.\n\n"
        "*grey.mp4 · 4 frames, 0:00.3 to 0:02.6 · tiny*\n\n"
        "## Why?\n\n"
        "*Not answered: no reason*\n\n"
        "## And then?\n\n"
        "*grey.mp4 · 4 frames, 0:00.3 to 0:02.6 · tiny · stopped*\n"
    )


def test_nothing_that_was_said_becomes_markup(transcript, records, tmp_path):
    odd = "# <b>1. *x* [a](b) | `c`\n\n- d\n# e"
    transcript.add({**records[0], "question": odd, "answer": odd})
    path = transcript.save(str(tmp_path / "chat.md"))
    rendered = MarkdownIt().render(path.read_text(encoding="utf-8"))
    assert rendered.count("<h1>") == 1
    assert rendered.count("<h2>") == 4
    assert "<b>" not in rendered
    assert "<li>" not in rendered
    assert "<a" not in rendered


def test_json_is_the_list_of_records(transcript, records, tmp_path):
    path = transcript.save(str(tmp_path / "chat.JSON"))
    read = json.loads(path.read_text(encoding="utf-8"))
    assert read == records
    for record in read:
        validate(record)


def test_a_file_of_somebody_else_is_never_replaced_and_ones_own_is(transcript, tmp_path):
    other = tmp_path / "notes.md"
    other.write_text("mine")
    with pytest.raises(ConfigError, match="is there already"):
        transcript.save(str(other))
    assert other.read_text() == "mine"
    transcript.save(str(tmp_path / "chat.md"))
    transcript.save(str(tmp_path / "chat.md"))


def test_a_file_that_cannot_be_meant_is_refused(transcript, tmp_path):
    for name in ("clip.mp4", "chat", "missing/chat.md"):
        with pytest.raises(ConfigError):
            transcript.save(str(tmp_path / name))
    with pytest.raises(ConfigError, match="is a folder"):
        transcript.save(str(tmp_path))


def test_where_nothing_was_said_nothing_is_written(tmp_path):
    with pytest.raises(ConfigError, match="Nothing was asked yet"):
        Transcript().save(str(tmp_path / "chat.md"))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_takes_no_more_is_an_error(transcript, tmp_path, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkdtemp", full)
    with pytest.raises(MachineError, match="No space left"):
        transcript.save(str(tmp_path / "chat.md"))


def test_a_name_that_the_system_cannot_look_at_is_an_error(transcript, tmp_path, monkeypatch):
    with pytest.raises(MachineError, match="File name too long"):
        transcript.save(str(tmp_path / f"{'x' * 300}.md"))
    monkeypatch.setattr("pathlib.Path.stat", denied)
    with pytest.raises(MachineError, match="Permission denied"):
        transcript.save("/root/talk.md")


def denied(*_: object, **__: object) -> None:
    raise PermissionError(13, "Permission denied")
