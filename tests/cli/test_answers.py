from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from linvt_cli.cli.answers import AnswerSheet, closing_line
from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.cli.failures import ExitCode
from linvt_cli.cli.output import Output
from linvt_cli.config import GenerationConfig
from linvt_cli.errors import ContextLengthError, DeviceError, LinVTError, OutOfMemoryError
from linvt_cli.pipeline import WatchedVideo
from linvt_cli.types import Frames, GenerationStats, VideoInfo
from linvt_cli.video_tokenizer.base import RefinedTokens
from tests.cli.schema import validate

STATS = GenerationStats(
    num_visual_tokens=64,
    num_video_tokens=8,
    num_prompt_tokens=20,
    num_generated_tokens=5,
    prefill_seconds=0.25,
    generate_seconds=0.5,
)


@pytest.fixture
def too_long(monkeypatch, qa):
    """Let the fake model refuse questions that start with 'Long'."""
    usual_assemble = qa.assemble

    def assemble(watched, video_tokens, question, history=(), **options):
        if question.startswith("Long"):
            raise ContextLengthError("Too long", length=9, limit=8, hint="ask less")
        return usual_assemble(watched, video_tokens, question, history, **options)

    monkeypatch.setattr(qa, "assemble", assemble)


def fill(video: Path, questions: list[str], output: Output) -> ExitCode:
    with AnswerSheet(str(video), questions, output) as sheet:
        sheet.fill(ModelOptions("nano"), FrameOptions(), GenerationConfig())
    return sheet.exit_code


def watched_at(*times: float) -> WatchedVideo:
    info = VideoInfo(Path("a.mp4"), 4, 4, 10.0, 100, "h264", "pyav")
    pixels = np.zeros((len(times), 4, 4, 3), np.uint8)
    frames = Frames(pixels, times, info, coverage=1.0, seconds=0.5)
    return WatchedVideo("a.mp4", frames, (1, 1), RefinedTokens(times, 1), vision_seconds=0.5)


def test_one_question_that_fails_does_not_stop_the_others(loads, too_long, video, capsys):
    code = fill(video, ["Short?", "Long?", "Brief?"], Output("jsonl"))
    captured = capsys.readouterr()
    rows = [json.loads(line) for line in captured.out.splitlines()]
    for row in rows:
        validate(row)
    assert code == ExitCode.SOME_FAILED
    assert [row["error"] and row["error"]["type"] for row in rows] == [
        None,
        "ContextLengthError",
        None,
    ]
    assert captured.err == "error: Too long\nhint: ask less\n"


def test_the_text_form_prints_the_answers_that_there_are(loads, too_long, video, capsys):
    fill(video, ["Long?", "Short?"], Output())
    assert capsys.readouterr() == ("A grey wall.\n", "error: Too long\nhint: ask less\n")


def test_answers_are_generated_together_unless_somebody_reads_along(
    loads, qa, monkeypatch, video, capsys
):
    def steps() -> int:
        before = len(qa.backbone.step_lengths)
        fill(video, ["One?", "Two and more?", "Three?"], Output())
        return len(qa.backbone.step_lengths) - before

    together = steps()
    assert together == len("A grey wall.") + 1
    monkeypatch.setattr(Output, "is_read_along", True)
    assert steps() == 3 * together
    assert capsys.readouterr().out == 6 * "A grey wall.\n"


@pytest.fixture
def breaks_off(monkeypatch, qa):
    """Return a function that lets the first answer break off after some pieces."""

    def arrange(num_pieces: int, failure: BaseException) -> None:
        stream, failures = qa.stream, [failure]

        def stream_or_fail(*arguments):
            chunks = stream(*arguments)
            if failures:
                yield from islice(chunks, num_pieces)
                raise failures.pop()
            yield from chunks

        monkeypatch.setattr(qa, "stream", stream_or_fail)
        monkeypatch.setattr(Output, "is_read_along", True)

    return arrange


@pytest.mark.parametrize(("num_pieces", "begun"), [(3, "A gr\n"), (0, "")])
def test_an_answer_that_breaks_off_ends_its_line(
    loads, breaks_off, video, capsys, num_pieces, begun
):
    breaks_off(num_pieces, OutOfMemoryError("memory ran out"))
    assert fill(video, ["One?", "Two?"], Output()) == ExitCode.SOME_FAILED
    assert capsys.readouterr() == (f"{begun}A grey wall.\n", "error: memory ran out\n")


def test_so_does_one_that_is_interrupted(loads, breaks_off, video, capsys):
    breaks_off(3, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        fill(video, ["One?"], Output())
    assert capsys.readouterr().out == "A gr\n"


def test_when_all_questions_fail_the_code_is_that_of_the_failure(loads, too_long, video, capsys):
    assert fill(video, ["Long?", "Longer?"], Output("json")) == ExitCode.RESOURCES
    assert len(json.loads(capsys.readouterr().out)) == 2


def test_an_error_before_the_first_answer_is_the_record_of_every_question(
    monkeypatch, video, capsys
):
    def load(*_: object, **__: object) -> None:
        raise DeviceError("No such device")

    monkeypatch.setattr("linvt_cli.pipeline.VideoQA.load", load)
    with pytest.raises(DeviceError):
        fill(video, ["One?", "Two?"], Output("json"))
    rows = json.loads(capsys.readouterr().out)
    assert [(row["question"], row["error"]["message"]) for row in rows] == [
        ("One?", "No such device"),
        ("Two?", "No such device"),
    ]


def test_an_interruption_keeps_the_answers_that_are_done(loads, qa, monkeypatch, video, capsys):
    usual_ask = qa.ask_each

    def ask_each(watched, questions, generation):
        for outcome in usual_ask(watched, questions, generation):
            if outcome.question == "Two?":
                raise KeyboardInterrupt
            yield outcome

    monkeypatch.setattr(qa, "ask_each", ask_each)
    with pytest.raises(KeyboardInterrupt):
        fill(video, ["One?", "Two?", "Three?"], Output("json"))
    rows = json.loads(capsys.readouterr().out)
    assert [row["question"] for row in rows] == ["One?"]


def test_a_bug_is_not_reported_as_a_failure_of_the_video(loads, qa, monkeypatch, video, capsys):
    def ask(*_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(qa, "ask", ask)
    with pytest.raises(KeyError):
        fill(video, ["One?"], Output("json"))
    assert capsys.readouterr().out == ""


def test_a_sheet_without_failures_is_done(loads, video, capsys):
    assert fill(video, ["One?"], Output()) == ExitCode.DONE


def test_the_closing_line_tells_frames_span_tokens_and_seconds():
    line = closing_line(watched_at(0.5, 9.25), STATS)
    assert line == "2 frames · 0.5 to 9.2 s · 64 visual → 8 video tokens · 1.8 s"


def test_the_closing_line_counts_the_look_only_for_the_first_answer():
    seconds = STATS.prefill_seconds + STATS.generate_seconds
    line = closing_line(watched_at(0.5, 9.25), STATS, looked=False)
    assert line.endswith(f"video tokens · {seconds:.1f} s")


def test_the_closing_line_of_one_frame_names_its_time():
    assert closing_line(watched_at(3.0), STATS).startswith("1 frame · 3.0 s · ")


def test_the_closing_line_says_when_nothing_was_looked_at():
    seen = replace(watched_at(3.0), cached=True)
    assert closing_line(seen, STATS).endswith(" s · seen before")


def test_every_error_class_can_be_recorded(loads, video, capsys):
    output = Output("json")
    with pytest.raises(LinVTError), AnswerSheet(str(video), ["One?"], output):
        raise LinVTError("anything", hint="do that")
    row = json.loads(capsys.readouterr().out)
    validate(row)
    assert row["error"] == {"type": "LinVTError", "message": "anything", "hint": "do that"}
