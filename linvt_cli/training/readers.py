"""The heads that are asked inside the model while it is trained, and thrown away after."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from linvt_cli.backbones.nano import Nano
from linvt_cli.training.examples import Scene
from linvt_cli.training.mentions import MentionReader, find_mentions
from linvt_cli.training.naming import SizeReader
from linvt_cli.training.narration import Narrator
from linvt_cli.training.ordering import OrderReader, find_clauses
from linvt_cli.training.packing import PackedBatch, Reading, Turn

_MENTION_WEIGHT = 0.5  # in the loss, beside 1 for the answers
_ORDER_WEIGHT = 0.3


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
        mentions = find_mentions(nano, batch, scenes, turns, stills)
        clauses = find_clauses(nano, batch, scenes, turns)
        known = self.mentions.loss(reading.states, mentions)
        ordered = self.order.loss(reading.states, clauses)
        return _MENTION_WEIGHT * known + _ORDER_WEIGHT * ordered
