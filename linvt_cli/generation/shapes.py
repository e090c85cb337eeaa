"""A whole answer in the form that was asked for: any text, one of some choices, or JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from linvt_cli.config import AnswerShape, GenerationConfig
from linvt_cli.generation.choices import score_choices
from linvt_cli.generation.constrained import parse_document, write_document
from linvt_cli.generation.decode import Completion, read_to_end, statistics, stream_answer
from linvt_cli.types import AnswerChunk, PromptEmbeds

if TYPE_CHECKING:
    from linvt_cli.backbones.base import Backbone


def complete(
    backbone: Backbone,
    prompt: PromptEmbeds,
    config: GenerationConfig,
    shape: AnswerShape,
    *,
    num_visual_tokens: int,
    on_text: Callable[[str], None] = lambda _: None,
    interrupted: Callable[[], bool] | None = None,
) -> Completion:
    """Generate an answer to its end.

    Args:
        backbone: reads the prompt and writes the answer.
        prompt: leaves room for at least one token in the backbone's context.
        config: how tokens are chosen, and how many at most; of no account to choices.
        shape: what form the answer must have.
        num_visual_tokens: T·N, for the statistics.
        on_text: told each piece of an answer in any words.
        interrupted: asked before each of its tokens; True ends it where it is.

    Raises:
        ConfigError: if the shape's schema cannot be followed.
        UnfinishedDocumentError: if no document of the schema is short enough.
        ContextLengthError: if a choice does not fit behind the prompt.
        OutOfMemoryError: if the device runs out of memory.
    """
    if shape.choices:
        return _choose(backbone, prompt, shape, num_visual_tokens)
    if shape.schema is None:
        chunks = stream_answer(
            backbone,
            prompt,
            config,
            num_visual_tokens=num_visual_tokens,
            interrupted=interrupted,
        )
        return read_to_end(_told(chunks, on_text))
    completion = write_document(
        backbone, prompt, config, shape.schema, num_visual_tokens=num_visual_tokens
    )
    return replace(completion, structured=parse_document(completion.text, shape.schema))


def _told(chunks: Iterator[AnswerChunk], on_text: Callable[[str], None]) -> Iterator[AnswerChunk]:
    for chunk in chunks:
        if chunk.text:
            on_text(chunk.text)
        yield chunk


def _choose(
    backbone: Backbone, prompt: PromptEmbeds, shape: AnswerShape, num_visual_tokens: int
) -> Completion:
    scored = score_choices(backbone, prompt, shape.choices)
    abstains = scored.best.probability < shape.abstain_below
    seconds = (scored.prefill_seconds, scored.score_seconds)
    num_tokens = 0 if abstains else scored.num_tokens
    return Completion(
        "" if abstains else scored.best.text,
        "abstained" if abstains else "stop",
        statistics(prompt, seconds, num_tokens, num_visual_tokens),
        choices=scored.choices,
    )
