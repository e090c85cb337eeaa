"""What is learnt from a sample: each of its answers, as ``linvt ask`` and ``linvt chat`` ask.

An answer of a conversation is learnt behind the turns before it. Where a backbone reads single
questions, each is learnt alone, which is how a conversation asks it too.
"""

from __future__ import annotations

from dataclasses import dataclass

from linvt_cli.backbones.base import Backbone
from linvt_cli.errors import ConfigError, ContextLengthError
from linvt_cli.generation.prompt import latest_that_fit, number_of_images
from linvt_cli.pipeline.questions import check_question
from linvt_cli.training.video_data.samples import Sample
from linvt_cli.types import Turn, VideoPlacement


@dataclass(frozen=True, slots=True)
class Lesson:
    """A question, and the answer that is to follow."""

    question: str
    history: tuple[Turn, ...]  # that the backbone reads before the question, oldest first
    answer_ids: tuple[int, ...]  # ends with the stop token


def lessons_of(
    backbone: Backbone, sample: Sample, *, num_video_tokens: int, grid: tuple[int, int] | None
) -> tuple[Lesson, ...]:
    """Return all answers of a sample as lessons.

    Args:
        backbone: reads them.
        sample: has one exchange or more.
        num_video_tokens: K.
        grid: of each frame, where the video tokens are all visual tokens as they were.

    Raises:
        ConfigError: if a question or an answer is empty, or there is none.
        ContextLengthError: if a question with its answer does not fit into the backbone's context.
    """
    if not sample.exchanges:
        raise ConfigError("Nothing is asked", field="question", hint="leave out such samples")
    placement = VideoPlacement(grid=grid)
    lessons, said = [], list[Turn]()
    for exchange in sample.exchanges:
        check_question(exchange.question)
        if not exchange.answer.strip():
            raise ConfigError("An answer is empty", field="answer", hint="leave out such samples")
        answer_ids = tuple(backbone.encode_answer(exchange.answer))
        history: tuple[Turn, ...] = ()
        if said and backbone.converses:
            history = latest_that_fit(
                backbone,
                num_video_tokens,
                exchange.question,
                placement,
                said,
                room=len(answer_ids),
            )
        lesson = Lesson(exchange.question, history, answer_ids)
        _require_room(backbone, lesson, num_video_tokens, placement)
        lessons.append(lesson)
        said.append(Turn(exchange.question, exchange.answer))
    return tuple(lessons)


def _require_room(
    backbone: Backbone, lesson: Lesson, num_video_tokens: int, placement: VideoPlacement
) -> None:
    num_images = number_of_images(backbone, num_video_tokens, placement)
    texts = backbone.render_prompt(lesson.question, num_images, lesson.history)
    length = sum(map(len, texts)) + num_video_tokens + len(lesson.answer_ids)
    if length > backbone.max_context:
        raise ContextLengthError(
            f"Prompt and answer have {length} tokens, and '{backbone.name}' takes"
            f" {backbone.max_context}",
            length=length,
            limit=backbone.max_context,
            hint="shorten the answer, or use fewer video tokens (--queries)",
        )
