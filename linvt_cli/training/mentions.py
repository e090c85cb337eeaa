"""The mention loss: where a question names a thing, the model is asked what it knows of that thing.

Answers of one word teach little: that "where is the dog?" wants the dog looked up is learnt from a
single token in twenty. So the word itself is asked, inside the model, for all that a question might
want of its thing: where it is first and last, what it did first and last. The heads that read this
are thrown away after training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from linvt_cli.backbones.nano import Nano
from linvt_cli.backbones.nano_text import NanoText
from linvt_cli.training.examples import Scene
from linvt_cli.training.features import NUM_FRAMES, frame_fractions
from linvt_cli.training.narration import HISTORY, history
from linvt_cli.training.packing import IGNORED, Layout, PackedBatch, Turn
from linvt_cli.training.vocabulary import PLACES
from linvt_cli.training.world import Clip, in_view, place_name, state_at

Array = np.ndarray[Any, Any]
_PLACES = tuple(name for row in PLACES for name in row)
_SIZES = [len(_PLACES), len(_PLACES), *HISTORY]
_LAYER = 2  # after so many layers a word knows its thing


@dataclass(frozen=True, slots=True)
class Mention:
    """The last token of a thing's name in a question."""

    sequence: int  # of the batch
    position: int  # in the sequence
    classes: tuple[int, ...]  # places and events, first and last; IGNORED where nothing is to tell


class MentionReader(nn.Module):
    """Reads what a word knows of its thing."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(embed_dim)
        self.proj = nn.Linear(embed_dim, sum(_SIZES))

    def loss(self, states: Sequence[Tensor], places_M2: Tensor, classes_MC: Tensor) -> Tensor:
        """Cross-entropy over all that is to tell of all mentions.

        Args:
            states: hidden states (B, P, D) after 0, 1, 2, … layers.
            places_M2: where mentions are read, as ``mention_labels`` gives it.
            classes_MC: what is right there.

        Returns:
            A scalar; 0 where nothing is to tell.
        """
        hidden = states[min(_LAYER, len(states) - 1)]
        rows, columns = places_M2.T
        parts = self.proj(self.norm(hidden[rows, columns])).split(_SIZES, dim=-1)
        losses = [
            F.cross_entropy(part.float(), right, ignore_index=IGNORED, reduction="sum")
            for part, right in zip(parts, classes_MC.T, strict=True)
        ]
        total: Tensor = torch.stack(losses).sum() / (classes_MC != IGNORED).sum().clamp(min=1)
        return total


def mention_labels(mentions: Sequence[Mention]) -> tuple[Array, Array]:
    """Sequence and position of each mention, and what it tells: (M, 2), (M, 8)."""
    places = np.array([(one.sequence, one.position) for one in mentions], np.int64)
    classes = np.array([one.classes for one in mentions], np.int64)
    return places.reshape(-1, 2), classes.reshape(-1, len(_SIZES))


def find_mentions(
    nano: Nano | NanoText,
    batch: PackedBatch | Layout,
    scenes: Sequence[Scene],
    turns: Sequence[Sequence[Turn]],
    stills: Sequence[int | None],
    num_frames: int = NUM_FRAMES,
) -> list[Mention]:
    """Find where questions name things of their clips.

    Args:
        nano: its tokenizer.
        batch: the turns as they were packed.
        scenes: what each sequence shows.
        turns: of each sequence.
        stills: the frame that a sequence shows, None where it shows the whole clip.
        num_frames: of every clip.
    """
    found = []
    for number, (scene, asked, still) in enumerate(zip(scenes, turns, stills, strict=True)):
        if scene.clip is None:
            continue
        for thing in range(len(scene.clip.things)):
            name = tuple(nano.tokenizer.encode(scene.clip.things[thing].phrase).ids)
            classes = _classes(scene.clip, thing, still, num_frames)
            found += [
                Mention(number, start + last, classes)
                for start, turn in zip(batch.starts[number], asked, strict=True)
                if (last := _end_of(name, turn.suffix)) is not None
            ]
    return found


def _end_of(name: tuple[int, ...], ids: tuple[int, ...]) -> int | None:
    """Where the last token of a name stands, or None."""
    for start in range(len(ids) - len(name) + 1):
        if ids[start : start + len(name)] == name:
            return start + len(name) - 1
    return None


def _classes(clip: Clip, thing: int, still: int | None, num_frames: int) -> tuple[int, ...]:
    fractions = frame_fractions(num_frames)
    if still is not None:
        place = _place(clip, thing, float(fractions[still]))
        return (place, place, *[IGNORED] * len(HISTORY))
    events = history(clip, thing)
    seen = [float(now) for now in fractions if in_view(clip, thing, float(now))]
    if not seen:
        return (IGNORED, IGNORED, *events)
    return (_place(clip, thing, seen[0]), _place(clip, thing, seen[-1]), *events)


def _place(clip: Clip, thing: int, fraction: float) -> int:
    if not in_view(clip, thing, fraction):
        return IGNORED
    placed = state_at(clip, thing, fraction)
    return _PLACES.index(place_name(placed.x, placed.y))


def shown_still(frames: Array) -> int | None:
    """Return the one frame that all tokens of a selection come from, or None."""
    return int(frames[0]) if (frames == frames[0]).all() else None
