"""Words for visual tokens: the part of the image stage's loss that draws the two together.

A visual token that clearly shows a thing should be close to the words for it in the language
model's own table. The language model then finds the word where it looks at the token; left to the
answers alone, it takes thousands of steps to find out which tokens and words belong together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from linvt_cli.backbones.nano import Nano
from linvt_cli.training.examples import ClipBank, Scene
from linvt_cli.training.storyboard import Selection

_CLEARLY_SHOWN = 90  # 255ths of a cell that the thing covers
_CLEARLY_FIRST = 0.8  # weight of the first source in a blend


def named_tokens(
    bank: ClipBank, scenes: Sequence[Scene], selections: Sequence[Selection]
) -> list[tuple[int, str]]:
    """Which rows of all selected tokens clearly show a thing, and what it is called."""
    names: list[tuple[int, str]] = []
    offset = 0
    for scene, chosen in zip(scenes, selections, strict=True):
        if scene.clip is not None:
            cover = bank.cover(scene)[
                chosen.first // bank.num_cells, :, chosen.first % bank.num_cells
            ]
            clear = (cover.max(axis=1) >= _CLEARLY_SHOWN) & (chosen.share >= _CLEARLY_FIRST)
            names += [
                (offset + int(row), scene.clip.things[int(cover[row].argmax())].phrase)
                for row in np.flatnonzero(clear)
            ]
        offset += len(chosen.first)
    return names


def naming_loss(nano: Nano, tokens_SD: Tensor, names: Sequence[tuple[int, str]]) -> Tensor:
    """Cross-entropy of the words for what visual tokens show, read off the tokens themselves.

    Args:
        nano: its final norm and output table do the reading.
        tokens_SD: visual tokens.
        names: which rows show what; every word of a name counts.

    Returns:
        A scalar; 0 where nothing is named.
    """
    words = [(row, word) for row, phrase in names for word in nano.tokenizer.encode(phrase).ids]
    rows, targets = torch.tensor(words, dtype=torch.long, device=tokens_SD.device).view(-1, 2).T
    language_model = nano.model.language_model
    logits: Tensor = language_model.lm_head(language_model.model.norm(tokens_SD[rows]))
    return F.cross_entropy(logits.float(), targets, reduction="sum") / max(1, len(words))
