"""Words and sizes for visual tokens: what the image stage's loss wants to be found in them.

A visual token that clearly shows a thing should be close to the words for it in the language
model's own table. The language model then finds the word where it looks at the token; left to the
answers alone, it takes thousands of steps to find out which tokens and words belong together.

The size of the thing should stand in the token as well. No answer names it, so the projector would
be slow to keep it, but without it nothing can be seen to grow or shrink.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from linvt_cli.backbones.nano import Nano
from linvt_cli.backbones.nano_text import NanoText
from linvt_cli.training.examples import ClipBank, Scene
from linvt_cli.training.features import frame_fractions
from linvt_cli.training.storyboard import Selection
from linvt_cli.training.world import Clip, size_in_square, state_at

Array = np.ndarray[Any, Any]
_CLEARLY_SHOWN = 90  # 255ths of a cell that the thing covers
_CLEARLY_FIRST = 0.8  # weight of the first source in a blend
_USUAL_LOG_SIZE, _LOG_SIZE_SPREAD = -1.5, 0.2  # of things that neither grow nor shrink


@dataclass(frozen=True, slots=True)
class ShownThing:
    """A visual token that clearly shows a thing."""

    row: int  # among all tokens of the batch
    clip: Clip
    thing: int
    fraction: float  # of the clip, at which it does


def shown_things(
    bank: ClipBank, scenes: Sequence[Scene], selections: Sequence[Selection]
) -> list[ShownThing]:
    """Which of all selected tokens clearly show a thing, and which."""
    shown: list[ShownThing] = []
    offset = 0
    for scene, chosen in zip(scenes, selections, strict=True):
        if scene.clip is not None:
            frames = chosen.first // bank.num_cells
            fractions = frame_fractions(bank.num_frames)[frames]
            cover = bank.cover(scene)[frames, :, chosen.first % bank.num_cells]
            clear = (cover.max(axis=1) >= _CLEARLY_SHOWN) & (chosen.share >= _CLEARLY_FIRST)
            shown += [
                ShownThing(
                    offset + int(row), scene.clip, int(cover[row].argmax()), float(fractions[row])
                )
                for row in np.flatnonzero(clear)
            ]
        offset += len(chosen.first)
    return shown


def words_of(text: Nano | NanoText, shown: Sequence[ShownThing]) -> Array:
    """Every word for what visual tokens show: (W, 2), row of the token and id of the word."""
    words = [
        (one.row, word)
        for one in shown
        for word in text.tokenizer.encode(one.clip.things[one.thing].phrase).ids
    ]
    return np.array(words, np.int64).reshape(-1, 2)


def sizes_of(shown: Sequence[ShownThing]) -> tuple[Array, Array]:
    """Rows of visual tokens, and logarithms of the sizes of what they show: (R,), (R,)."""
    rows = np.array([one.row for one in shown], np.int64)
    return rows, np.array([_log_size(one) for one in shown], np.float32)


def naming_loss(nano: Nano, tokens_SD: Tensor, words_W2: Tensor) -> Tensor:
    """Cross-entropy of the words for what visual tokens show, read off the tokens themselves.

    Args:
        nano: its final norm and output table do the reading.
        tokens_SD: visual tokens.
        words_W2: which of them show what, as ``words_of`` gives it; every word of a name counts.

    Returns:
        A scalar; 0 where nothing is named.
    """
    rows, targets = words_W2.T
    language_model = nano.model.language_model
    logits: Tensor = language_model.lm_head(language_model.model.norm(tokens_SD[rows]))
    return F.cross_entropy(logits.float(), targets, reduction="sum") / max(1, len(words_W2))


class SizeReader(nn.Module):
    """Reads off a visual token how large the thing is that it shows."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(embed_dim)
        self.proj = nn.Linear(embed_dim, 1)

    def loss(self, tokens_SD: Tensor, rows_R: Tensor, log_sizes_R: Tensor) -> Tensor:
        """Error of the logarithm of the sizes, about 1 for a reader that knows nothing.

        Args:
            tokens_SD: visual tokens.
            rows_R: which of them show a thing.
            log_sizes_R: of those things, as ``sizes_of`` gives them.

        Returns:
            A scalar; 0 where nothing is shown.
        """
        read = self.proj(self.norm(tokens_SD[rows_R]))[:, 0].float()
        wanted = (log_sizes_R - _USUAL_LOG_SIZE) / _LOG_SIZE_SPREAD
        return F.smooth_l1_loss(read, wanted, reduction="sum") / max(1, len(rows_R))


def _log_size(shown: ShownThing) -> float:
    placed = state_at(shown.clip, shown.thing, shown.fraction)
    return math.log(size_in_square(shown.clip, placed.size))
