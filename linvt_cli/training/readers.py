"""The heads that are asked inside the model while it is trained, and thrown away after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from linvt_cli.backbones.nano import Nano
from linvt_cli.backbones.nano_text import NanoText
from linvt_cli.training.examples import Scene
from linvt_cli.training.features import NUM_FRAMES
from linvt_cli.training.mentions import MentionReader, find_mentions, mention_labels
from linvt_cli.training.naming import SizeReader
from linvt_cli.training.narration import Narrator
from linvt_cli.training.ordering import OrderReader, clause_labels, find_clauses
from linvt_cli.training.packing import Layout, PackedBatch, Reading, Turn

Array = np.ndarray[Any, Any]
_MENTION_WEIGHT = 0.5  # in the loss, beside 1 for the answers
_ORDER_WEIGHT = 0.3


@dataclass(frozen=True, slots=True)
class WordLabels:
    """What the words of M mentions and L clauses must know; places are sequence and position."""

    mentions: Array  # (M, 2)
    mention_classes: Array  # (M, 8)
    clauses: Array  # (L, 2)
    clause_events: Array  # (L,)


def label_words(
    text: Nano | NanoText,
    batch: PackedBatch | Layout,
    scenes: Sequence[Scene],
    turns: Sequence[Sequence[Turn]],
    stills: Sequence[int | None],
    num_frames: int = NUM_FRAMES,
) -> WordLabels:
    """Find the words of questions and answers that must know something, and what.

    Args:
        text: its tokenizer.
        batch: the turns as they were packed.
        scenes: what each sequence shows.
        turns: of each sequence.
        stills: the frame that a sequence shows, None where it shows the whole clip.
        num_frames: of every clip.
    """
    return WordLabels(
        *mention_labels(find_mentions(text, batch, scenes, turns, stills, num_frames)),
        *clause_labels(find_clauses(text, batch, scenes, turns)),
    )


class Readers(nn.Module):
    """One head for each of the losses that help to learn the answers."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.narrator = Narrator(embed_dim)
        self.mentions = MentionReader(embed_dim)
        self.sizes = SizeReader(embed_dim)
        self.order = OrderReader(embed_dim)

    def loss_of_words(
        self,
        nano: Nano,
        reading: Reading,
        batch: PackedBatch,
        scenes: Sequence[Scene],
        turns: Sequence[Sequence[Turn]],
        stills: Sequence[int | None],
    ) -> Tensor:
        """Weighted losses of what the words of questions and answers must know.

        Args:
            nano: its tokenizer.
            reading: what the language model made of the batch.
            batch: the turns as they were packed.
            scenes: what each sequence shows.
            turns: of each sequence.
            stills: the frame that a sequence shows, None where it shows the whole clip.
        """
        return self.loss_of_labels(reading, label_words(nano, batch, scenes, turns, stills))

    def loss_of_labels(self, reading: Reading, words: WordLabels) -> Tensor:
        """The same losses, where the words have been found before."""

        def put(array: Array) -> Tensor:
            return torch.from_numpy(array).to(reading.logits.device)

        states = reading.states
        known = self.mentions.loss(states, put(words.mentions), put(words.mention_classes))
        ordered = self.order.loss(states, put(words.clauses), put(words.clause_events))
        return _MENTION_WEIGHT * known + _ORDER_WEIGHT * ordered
