"""Several questions about one video, answered together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import torch

from linvt_cli.backbones.loading import memory_errors_translated
from linvt_cli.config import GenerationConfig
from linvt_cli.errors import ConfigError, ContextLengthError, LinVTError
from linvt_cli.generation.together import MAX_POSITIONS, answer_together
from linvt_cli.types import Answer, PromptEmbeds, VideoTokens

if TYPE_CHECKING:
    from linvt_cli.generation.decode import Completion
    from linvt_cli.pipeline.video_qa import VideoQA
    from linvt_cli.pipeline.watched import WatchedVideo

_MOST_AT_ONCE = 32  # questions: each has video tokens of its own

Outcome = Answer | LinVTError
"""How a question ends."""


def several(texts: Iterable[str], *, field: str) -> tuple[str, ...]:
    """Return texts as a tuple.

    Raises:
        ConfigError: if they are a single one, which would be taken apart into its letters.
    """
    if isinstance(texts, str):
        raise ConfigError(
            f"{field} should be several texts, not '{texts}' alone",
            field=field,
            hint="put it into a list",
        )
    return tuple(texts)


def answer_each(
    qa: VideoQA,
    watched: WatchedVideo,
    questions: Sequence[str],
    generation: GenerationConfig,
    interrupted: Callable[[], bool] | None = None,
) -> Iterator[Outcome]:
    """Answer questions about one video as batches; what is wrong with one stops no other.

    Args:
        qa: the model.
        watched: the video.
        questions: in any number.
        generation: how each answer is generated.
        interrupted: asked before each step; True ends all answers where they are.

    Yields:
        An answer or an error for each question, in their order, as soon as it is known.

    Raises:
        OutOfMemoryError: if memory does not suffice for a single answer.
    """
    num_tokens = qa.tokenizer.num_video_tokens or watched.num_visual_tokens
    size = max(1, min(_MOST_AT_ONCE, MAX_POSITIONS // num_tokens))
    for start in range(0, len(questions), size):
        some = questions[start : start + size]
        yield from in_order(_answer_some(qa, watched, some, generation, interrupted))


def check_question(question: str) -> None:
    """Refuse a question that asks nothing.

    Raises:
        ConfigError: if it is empty.
    """
    if not question.strip():
        raise ConfigError(
            "The question is empty", field="question", hint="to ask nothing: linvt describe"
        )


def to_answer(
    qa: VideoQA,
    watched: WatchedVideo,
    question: str,
    video_tokens: VideoTokens,
    completion: Completion,
) -> Answer:
    """Return what was generated with all that it rests on."""
    return Answer(
        video=watched.video,
        question=question,
        text=completion.text,
        finish_reason=completion.finish_reason,
        model=qa.model,
        frames=watched.frames,
        stats=completion.stats,
        vision_seconds=watched.vision_seconds,
        tokenize_seconds=watched.refined.seconds + video_tokens.seconds,
        cached=watched.cached,
        video_tokens=video_tokens,
        choices=completion.choices,
        structured=completion.structured,
    )


def in_order(numbered: Iterable[tuple[int, Outcome]]) -> Iterator[Outcome]:
    """Yield what has the numbers 0, 1, 2, … in this order, each as soon as all before it are there.

    Args:
        numbered: outcomes in any order.
    """
    waiting: dict[int, Outcome] = {}
    turn = 0
    for number, outcome in numbered:
        waiting[number] = outcome
        while turn in waiting:
            yield waiting.pop(turn)
            turn += 1


def _answer_some(
    qa: VideoQA,
    watched: WatchedVideo,
    questions: Sequence[str],
    generation: GenerationConfig,
    interrupted: Callable[[], bool] | None,
) -> Iterator[tuple[int, Outcome]]:
    asked = []
    for number, question in enumerate(questions):
        try:
            check_question(question)
        except ConfigError as error:
            yield number, error
        else:
            asked.append(number)
    video_tokens = _condense(qa, watched, [questions[number] for number in asked])
    prompts: list[PromptEmbeds] = []
    fitting: list[tuple[int, VideoTokens]] = []
    for number, tokens, embedded_KD in zip(
        asked, video_tokens, _embed(qa, video_tokens), strict=True
    ):
        try:
            prompt = qa.assemble(watched, tokens, questions[number], embedded_KD=embedded_KD)
        except ContextLengthError as error:
            yield number, error
        else:
            prompts.append(prompt)
            fitting.append((number, tokens))
    for place, completion in answer_together(
        qa.backbone,
        prompts,
        generation,
        num_visual_tokens=watched.num_visual_tokens,
        interrupted=interrupted,
    ):
        number, tokens = fitting[place]
        yield number, to_answer(qa, watched, questions[number], tokens, completion)


def _condense(qa: VideoQA, watched: WatchedVideo, questions: Sequence[str]) -> list[VideoTokens]:
    with torch.no_grad(), memory_errors_translated(qa.backbone.device):
        texts = [qa.backbone.embed_text(qa.backbone.encode_question(each)) for each in questions]
        return qa.tokenizer.condense_each(watched.refined, texts)


def _embed(qa: VideoQA, video_tokens: Sequence[VideoTokens]) -> list[torch.Tensor]:
    """Return what the language model reads of each question's video tokens, (K, D)."""
    if not video_tokens:
        return []
    first, *others = video_tokens
    with torch.no_grad(), memory_errors_translated(qa.backbone.device):
        if all(each is first for each in others):  # the questions play no part
            return [qa.backbone.embed_video(first.tokens)] * len(video_tokens)
        tokens_BKD = torch.stack([each.tokens for each in video_tokens])
        return list(qa.backbone.embed_video(tokens_BKD))
