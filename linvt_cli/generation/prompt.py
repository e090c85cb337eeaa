"""Places video tokens among text embeddings: the prompt that answering and training share."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from linvt_cli.errors import ContextLengthError
from linvt_cli.types import PromptEmbeds, Turn, VideoPlacement

if TYPE_CHECKING:
    from linvt_cli.backbones.base import Backbone


def assemble(
    backbone: Backbone,
    video_KD: torch.Tensor,
    question: str,
    placement: VideoPlacement | None = None,
    history: Sequence[Turn] = (),
    *,
    embedded_KD: torch.Tensor | None = None,
) -> PromptEmbeds:
    """Put a video where the backbone's chat template wants it: (K, D) -> (1, P, D).

    Differentiable in the video tokens.

    Args:
        backbone: knows the chat template.
        video_KD: video tokens.
        question: anything.
        placement: where the tokens come from; where left out, they stand one after the other.
        history: earlier turns that the backbone reads before the question, oldest first.
        embedded_KD: what the backbone's ``embed_video`` returned for them, if that is known.

    Raises:
        ContextLengthError: if the prompt leaves no room for a single token of the answer.
    """
    placement = placement or VideoPlacement()
    num_images = number_of_images(backbone, len(video_KD), placement)
    texts = backbone.render_prompt(question, num_images, history)
    num_video_tokens = len(video_KD)
    length = sum(map(len, texts)) + num_video_tokens
    if length + 1 > backbone.max_context:
        raise ContextLengthError(
            f"The prompt has {length} tokens, {num_video_tokens} of them of the video, and"
            f" '{backbone.name}' takes {backbone.max_context} with the answer",
            length=length,
            limit=backbone.max_context,
            hint="use fewer video tokens (another --tokenizer, fewer --frames)"
            " or a shorter question",
        )
    video_KD = backbone.embed_video(video_KD) if embedded_KD is None else embedded_KD
    pieces = [backbone.embed_text(texts[0])]
    spans = []
    start = len(texts[0])
    for image_ND, text in zip(video_KD.chunk(num_images), texts[1:], strict=True):
        pieces += [image_ND.to(pieces[0].dtype), backbone.embed_text(text)]
        spans.append(slice(start, start + len(image_ND)))
        start += len(image_ND) + len(text)
    return PromptEmbeds(
        inputs_embeds=torch.cat(pieces).unsqueeze(0),
        video_spans=tuple(spans),
        positions=backbone.place_prompt([len(piece) for piece in pieces], placement),
    )


def latest_that_fit(
    backbone: Backbone,
    num_video_tokens: int,
    question: str,
    placement: VideoPlacement,
    history: Sequence[Turn],
    *,
    room: int,
) -> tuple[Turn, ...]:
    """Return the latest turns that leave room for an answer; none where the question is too long.

    The fewer turns, the shorter the prompt, so that few of the beginnings need be tried.

    Args:
        backbone: reads them.
        num_video_tokens: K.
        question: still to be answered.
        placement: where the video tokens come from.
        history: oldest first.
        room: tokens of the answer.
    """
    num_images = number_of_images(backbone, num_video_tokens, placement)

    def fits(start: int) -> bool:
        texts = backbone.render_prompt(question, num_images, history[start:])
        return sum(map(len, texts)) + num_video_tokens + room <= backbone.max_context

    if not history or fits(0):  # as nearly always
        return tuple(history)
    return tuple(history[bisect_left(range(len(history)), True, lo=1, key=fits) :])


def number_of_images(backbone: Backbone, num_video_tokens: int, placement: VideoPlacement) -> int:
    """Return how many images the backbone is to see: one, unless nothing was condensed."""
    if placement.grid is None or not backbone.frames_apart:
        return 1
    rows, columns = placement.grid
    return num_video_tokens // (rows * columns)
