"""The ordering loss: before a clause is written, the model must know which event it is to tell.

"What happens after the dog leaves?" wants the dog's event found, counted one further, and that
event looked up; the answer's words teach only the end of this. So the places where a clause begins
are asked, inside the model, for the number of its event. The head is thrown away after training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from linvt_cli.backbones.nano import Nano
from linvt_cli.backbones.nano_text import NanoText
from linvt_cli.training.examples import Scene
from linvt_cli.training.packing import Layout, PackedBatch, Turn
from linvt_cli.training.questions import sentences
from linvt_cli.training.schedule import MAX_EVENTS

Array = np.ndarray[Any, Any]
_LAYER = 4  # after so many layers it is clear which event comes
_ORDER = frozenset({"first", "last", "after", "before", "nth"})


@dataclass(frozen=True, slots=True)
class Clause:
    """A token after which an event is told, or its article."""

    sequence: int  # of the batch
    position: int  # in the sequence
    event: int  # of the clip, from 0


class OrderReader(nn.Module):
    """Reads which event of the clip is about to be told."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(embed_dim)
        self.proj = nn.Linear(embed_dim, MAX_EVENTS)

    def loss(self, states: Sequence[Tensor], places_L2: Tensor, events_L: Tensor) -> Tensor:
        """Cross-entropy of the number of the event.

        Args:
            states: hidden states (B, P, D) after 0, 1, 2, … layers.
            places_L2: where clauses are read, as ``clause_labels`` gives it.
            events_L: what is right there.

        Returns:
            A scalar; 0 where nothing is told.
        """
        hidden = states[min(_LAYER, len(states) - 1)]
        rows, columns = places_L2.T
        read = self.proj(self.norm(hidden[rows, columns])).float()
        return F.cross_entropy(read, events_L, reduction="sum") / max(1, len(events_L))


def clause_labels(clauses: Sequence[Clause]) -> tuple[Array, Array]:
    """Sequence and position of each clause, and its event: (L, 2), (L,)."""
    places = np.array([(one.sequence, one.position) for one in clauses], np.int64)
    return places.reshape(-1, 2), np.array([one.event for one in clauses], np.int64)


def find_clauses(
    nano: Nano | NanoText,
    batch: PackedBatch | Layout,
    scenes: Sequence[Scene],
    turns: Sequence[Sequence[Turn]],
) -> list[Clause]:
    """Find where answers begin to tell an event, in descriptions and where order is asked.

    Args:
        nano: its tokenizer.
        batch: the turns as they were packed.
        scenes: what each sequence shows.
        turns: of each sequence.
    """
    found: list[Clause] = []
    for number, (scene, asked) in enumerate(zip(scenes, turns, strict=True)):
        if scene.clip is None:
            continue
        told = [tuple(nano.encode_answer(sentence)) for sentence in sentences(scene.clip)]
        (then,) = nano.tokenizer.encode("then").ids[-1:]
        for start, turn in zip(batch.starts[number], asked, strict=True):
            first = start + len(turn.suffix) - 1  # the answer mark
            for offset, event in _beginnings(turn, told, then):
                found += [Clause(number, first + offset + more, event) for more in (0, 1)]
    return found


def _beginnings(
    turn: Turn, told: Sequence[tuple[int, ...]], then: int
) -> Iterator[tuple[int, int]]:
    """Yield after how many tokens of an answer a clause begins, and which event it tells."""
    if turn.kind == "describe":
        yield 0, 0
        thens = [place for place, token in enumerate(turn.answer, 1) if token == then]
        yield from zip(thens, range(1, len(told)), strict=False)
    elif turn.kind in _ORDER and turn.answer in told:
        yield 0, told.index(turn.answer)
