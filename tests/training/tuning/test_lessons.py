from __future__ import annotations

from pathlib import Path

import pytest

from linvt_cli.errors import ConfigError, ContextLengthError
from linvt_cli.training.tuning.lessons import lessons_of
from linvt_cli.training.video_data.samples import Exchange, Sample
from linvt_cli.types import Turn
from tests.fakes import TinyBackbone
from tests.tiny_models import tiny_nano


def sample(*exchanges: tuple[str, str]) -> Sample:
    told = tuple(Exchange(*each) for each in exchanges)
    return Sample(Path("a.mp4"), told, None, None, "", "d.jsonl:1")


TALK = sample(("Who?", "Ann."), ("Where?", "Home."), ("Why?", "Rain."))


def test_each_answer_of_a_conversation_is_learnt_behind_the_turns_before_it():
    backbone = TinyBackbone()
    lessons = lessons_of(backbone, TALK, num_video_tokens=6, grid=None)
    assert [lesson.question for lesson in lessons] == ["Who?", "Where?", "Why?"]
    assert [len(lesson.history) for lesson in lessons] == [0, 1, 2]
    assert lessons[2].history == (Turn("Who?", "Ann."), Turn("Where?", "Home."))
    assert list(lessons[1].answer_ids) == backbone.encode_answer("Home.")


def test_what_reads_single_questions_learns_each_alone():
    lessons = lessons_of(tiny_nano(), TALK, num_video_tokens=6, grid=None)
    assert [lesson.history for lesson in lessons] == [(), (), ()]


def test_the_oldest_turns_make_room():
    backbone = TinyBackbone(max_context=45)
    lessons = lessons_of(
        backbone,
        sample(("a" * 20, "b" * 10), ("c", "d"), ("e", "f")),
        num_video_tokens=6,
        grid=None,
    )
    assert lessons[2].history == (Turn("c", "d"),)


def test_a_lesson_that_does_not_fit_is_refused():
    with pytest.raises(ContextLengthError, match="takes 40"):
        lessons_of(
            TinyBackbone(max_context=40), sample(("a", "b" * 40)), num_video_tokens=6, grid=None
        )


@pytest.mark.parametrize("exchange", [(" ", "a"), ("a", " ")])
def test_an_empty_question_or_answer_is_refused(exchange):
    with pytest.raises(ConfigError, match="empty"):
        lessons_of(TinyBackbone(), sample(exchange), num_video_tokens=6, grid=None)


def test_a_sample_that_asks_nothing_is_refused():
    with pytest.raises(ConfigError, match="Nothing is asked"):
        lessons_of(TinyBackbone(), sample(), num_video_tokens=6, grid=None)
