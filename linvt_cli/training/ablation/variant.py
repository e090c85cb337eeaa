"""What every variant is: a way to make video tokens of clips, for questions about them.

Letters beside those of ``linvt_cli.types``: B clips, X questions, X / B of them about each clip, S
source tokens, T·N.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Clips:
    """The visual tokens of B clips."""

    tokens: Tensor  # (B, T, N, D)
    times: Tensor  # (B, T)
    grid: tuple[int, int]  # rows, columns of visual tokens in a frame

    @property
    def num_sources(self) -> int:
        """S."""
        return self.tokens.shape[1] * self.tokens.shape[2]


@dataclass(frozen=True, slots=True)
class Questions:
    """X questions, those about one clip next to each other."""

    text: Tensor  # (X, L, D)
    mask: Tensor  # (X, L) bool, False for padding


@dataclass(frozen=True, slots=True)
class Condensed:
    """Video tokens: of B clips where questions play no part, else for each of X questions."""

    tokens: Tensor  # (B or X, K, D)
    weights: Tensor | None  # (B or X, K, S), where the tokens are averages of source tokens

    def for_questions(self, num_questions: int) -> Condensed:
        """Return the same for each of X questions."""
        times = num_questions // len(self.tokens)
        if times == 1:
            return self
        weights = None if self.weights is None else self.weights.repeat_interleave(times, dim=0)
        return Condensed(self.tokens.repeat_interleave(times, dim=0), weights)


class Variant(nn.Module, ABC):
    """A way to make video tokens; one without weights has nothing to train."""

    linear: ClassVar[bool]  # whether every video token is a convex combination of source tokens

    @abstractmethod
    def forward(self, clips: Clips, questions: Questions) -> Condensed:
        """Make the video tokens of clips for questions about them."""

    def num_kept(self, num_sources: int) -> int | None:
        """How many of S source tokens video tokens are made of; None where none is left out."""
        return None

    def fix_draws(self, seed: int) -> None:
        """Decide what is drawn at random from here on; most variants draw nothing."""


class LinearVariant(Variant):
    """A variant whose video tokens are convex combinations of source tokens."""

    linear = True

    @abstractmethod
    def weigh(self, clips: Clips, questions: Questions) -> Tensor:
        """How much of each source token goes into each video token: (B or X, K, S).

        Rows are >= 0 and sum to 1.
        """

    def forward(self, clips: Clips, questions: Questions) -> Condensed:
        """Average the source tokens."""
        weights = self.weigh(clips, questions)
        return Condensed(average(weights, clips.tokens), weights)


def average(weights_XKS: Tensor, tokens_BTND: Tensor) -> Tensor:
    """Mix the source tokens of each clip for the questions about it: (X, K, D)."""
    num_tokens, num_sources = weights_XKS.shape[1:]
    of_clip_BRS = weights_XKS.reshape(len(tokens_BTND), -1, num_sources)
    mixed_BRD: Tensor = of_clip_BRS @ tokens_BTND.flatten(1, 2)
    return mixed_BRD.view(-1, num_tokens, tokens_BTND.shape[-1])
