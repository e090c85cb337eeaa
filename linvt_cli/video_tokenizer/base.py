"""The contract of every video tokenizer, and what one keeps of a video between two questions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from linvt_cli.config import PositionLayout
from linvt_cli.types import TokenizerName, VideoTokens, VisualFeatures


@dataclass(frozen=True, slots=True)
class PooledTokens:
    """Kept tokens averaged in windows of one scale, as far as weighing them needs.

    The values themselves are not stored: they follow from ``KeptTokens.values``.
    """

    scale: int  # kept tokens in a window; the last window holds what is left
    keys: torch.Tensor  # (B, M, w) mean scoring features
    log_gates: torch.Tensor  # (B, M) float32, logarithm of the mean gate
    times: torch.Tensor  # (B, M) float32 in [0, 1], mean time: 0 first frame, 1 last


@dataclass(frozen=True, slots=True)
class KeptTokens:
    """The significant tokens of B videos, untouched, and what is known of them."""

    values: torch.Tensor  # (B, k, D) original visual tokens, in time and position order
    indices: torch.Tensor  # (B, k) int64, which of the T·N source tokens they are; ascending
    gates: torch.Tensor  # (B, T, N) float32 in (0, 1), significance of every source token
    pooled: tuple[PooledTokens, ...]  # one for each scale


@dataclass(frozen=True, slots=True)
class RefinedTokens:
    """What a tokenizer keeps of one video before it knows a question: tensors and plain data.

    Exactly one of ``kept`` and ``condensed`` is set: ``condensed`` where the question plays no
    part in the video tokens, ``kept`` (with B = 1) where it does.
    """

    times: tuple[float, ...]  # (T,) s
    tokens_per_frame: int  # N
    kept: KeptTokens | None = None
    condensed: VideoTokens | None = None
    seconds: float = 0.0  # wall time of refining

    def question_free(self) -> VideoTokens:
        """Return the video tokens that are the same for every question.

        Raises:
            ValueError: These tokens are still to be weighed for a question.
        """
        if self.condensed is None:
            raise ValueError("These refined tokens belong to a tokenizer that reads the question")
        return self.condensed


def condensed_tokens(
    features: VisualFeatures, video_tokens: VideoTokens, *, started: float
) -> RefinedTokens:
    """Wrap video tokens in which questions play no part; ``started`` is of ``perf_counter``."""
    return RefinedTokens(
        times=features.times,
        tokens_per_frame=features.tokens.shape[1],
        condensed=video_tokens,
        seconds=time.perf_counter() - started,
    )


class VideoTokenizer(Protocol):
    """Turns the visual tokens of a video into the few that the language model is given."""

    @property
    def name(self) -> TokenizerName:
        """How users call it."""
        ...

    @property
    def num_video_tokens(self) -> int | None:
        """K, the most video tokens it makes; None where it keeps everything."""
        ...

    @property
    def position_layout(self) -> PositionLayout:
        """Where its tokens stand for a language model with several axes of position."""
        ...

    def refine(self, features: VisualFeatures) -> RefinedTokens:
        """Do what needs no question, once per video."""
        ...

    def condense(self, refined: RefinedTokens, text_LD: torch.Tensor) -> VideoTokens:
        """Make the video tokens for one question, of which L may be 0."""
        ...

    def condense_each(
        self, refined: RefinedTokens, texts: Sequence[torch.Tensor]
    ) -> list[VideoTokens]:
        """Make the video tokens for several questions at once; seconds are shares."""
        ...


class QuestionFree:
    """The half of a video tokenizer that is to heed the question, where that plays no part."""

    def condense(self, refined: RefinedTokens, text_LD: torch.Tensor) -> VideoTokens:
        """Return what refining made."""
        return refined.question_free()

    def condense_each(
        self, refined: RefinedTokens, texts: Sequence[torch.Tensor]
    ) -> list[VideoTokens]:
        """Return what refining made, for each question."""
        return [refined.question_free()] * len(texts)
