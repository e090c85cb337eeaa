from __future__ import annotations

from typing import Any

import pytest

from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.cli.asking import answer_all
from linvt_cli.cli.output import Output
from linvt_cli.cli.watching import Watching
from linvt_cli.config import ANY_SHAPE, AnswerShape, GenerationConfig
from linvt_cli.errors import ContextLengthError, LinVTError, OutOfMemoryError, VideoNotFoundError
from linvt_cli.types import Answer

QUESTIONS = ("One?", "Two and more?", "Three?")


def watching(video: object, **model: Any) -> Watching:
    return Watching(ModelOptions("nano", **model), str(video), FrameOptions(), Output(quiet=True))


def outcomes(watching: Watching, shape: AnswerShape = ANY_SHAPE, most: int = 9) -> list[Any]:
    """Return texts and errors, at most so many."""
    given: list[Any] = []

    def give(outcome: Answer | LinVTError, watched: object) -> bool:
        assert (watched is None) is isinstance(outcome, LinVTError)
        given.append(outcome.text if isinstance(outcome, Answer) else type(outcome))
        return len(given) < most

    answer_all(watching, QUESTIONS, GenerationConfig(), shape, give)
    return given


def test_answers_in_any_words_are_generated_together(loads, qa, video):
    assert outcomes(watching(video)) == ["A grey wall."] * 3
    assert len(qa.backbone.step_lengths) == len("A grey wall.") + 1


def test_answers_in_a_shape_come_one_by_one(loads, qa, video, monkeypatch):
    monkeypatch.setattr(qa, "ask_each", lambda *_: pytest.fail("together"))
    shape = AnswerShape(choices=("A grey wall.", "A dog."))
    assert outcomes(watching(video), shape) == ["A grey wall."] * 3


def test_what_is_wrong_with_the_video_is_found_once(loads, qa, tmp_path, monkeypatch):
    calls = []
    usual = qa.watch

    def watch(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        return usual(*arguments, **options)

    monkeypatch.setattr(qa, "watch", watch)
    assert outcomes(watching(tmp_path / "none.mp4")) == [VideoNotFoundError] * 3
    assert len(calls) == 1


@pytest.mark.parametrize("shape", [ANY_SHAPE, AnswerShape(choices=("A", "B"))])
def test_no_more_is_done_than_is_wanted(loads, qa, video, monkeypatch, shape):
    assert len(outcomes(watching(video), shape, most=1)) == 1


def test_where_memory_is_short_for_all_they_come_one_by_one(loads, qa, video, monkeypatch):
    usual = qa.ask_each

    def ask_each(*arguments: Any) -> Any:
        yield next(usual(*arguments))
        raise OutOfMemoryError("no room")

    monkeypatch.setattr(qa, "ask_each", ask_each)
    assert outcomes(watching(video)) == ["A grey wall."] * 3


def test_where_memory_is_short_for_one_the_others_are_answered(loads, qa, video, monkeypatch):
    usual = qa.ask

    def ask(watched: Any, question: str, *rest: Any) -> Any:
        if question == QUESTIONS[1]:
            raise ContextLengthError("long", length=2, limit=1)
        return usual(watched, question, *rest)

    def ask_each(*_: object) -> None:
        raise OutOfMemoryError("no room")

    monkeypatch.setattr(qa, "ask_each", ask_each)
    monkeypatch.setattr(qa, "ask", ask)
    assert outcomes(watching(video)) == ["A grey wall.", ContextLengthError, "A grey wall."]
