"""The narration losses: at every moment, visual tokens tell what has happened so far.

Answers about order are few and need many steps of thought; left to them, the model is slow to learn
what an event looks like. So the tokens of a storyboard are asked, inside the model: those that show
a thing, what it does first and last in the whole clip, and as which event of all; and all of them,
later and from left to right, what the last two events were and how many things there have been. A
question can then be answered from the one token that knows its event. The heads that read this are
thrown away after training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from linvt_cli.training.examples import Scene
from linvt_cli.training.features import NUM_FRAMES, frame_fractions
from linvt_cli.training.naming import ShownThing
from linvt_cli.training.packing import IGNORED
from linvt_cli.training.schedule import MAX_EVENTS, MAX_THINGS
from linvt_cli.training.vocabulary import ACTIONS, HEADINGS, SIDES, all_phrases
from linvt_cli.training.world import Clip, Event, in_view

Array = np.ndarray[Any, Any]
_DIRECTIONS = (*HEADINGS, *(side for side in SIDES if side not in HEADINGS))
_EVENT = [1 + len(ACTIONS), 1 + len(_DIRECTIONS), 1 + MAX_EVENTS]  # what, which way, which of all
HISTORY = [*_EVENT, *_EVENT]  # classes of a thing's first and last event
_NUM_TOLD = 2  # events: the last, and the one before it
_PARTS = 3  # who, what, which way
_NOTHING = 0  # class of every part where no event has happened yet


class Narrator(nn.Module):
    """Reads what has happened off the hidden states of visual tokens."""

    layer = 3  # after so many of the language model a token knows the last two events of all

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        who, what, way = 1 + len(all_phrases()), *_EVENT[:2]
        self.told = _Heads(embed_dim, [*[who, what, way] * _NUM_TOLD, 1 + MAX_THINGS])
        self.own = _Heads(embed_dim, HISTORY)

    def loss(self, states: Sequence[Tensor], labels_SE: Tensor) -> Tensor:
        """Cross-entropy of who did what which way last and before that, and of how many there are.

        Args:
            states: hidden states (S, D) where visual tokens stand, after 0, 1, 2, … layers.
            labels_SE: their classes as ``narration_labels`` gives them; rows may be IGNORED.

        Returns:
            A scalar, averaged over parts and tokens; 0 where every row is ignored.
        """
        return self.told.loss(states[min(self.layer, len(states) - 1)], labels_SE)

    def own_loss(self, states: Sequence[Tensor], rows_R: Tensor, labels_RH: Tensor) -> Tensor:
        """Cross-entropy of what each shown thing does in the clip, read before any layer.

        Args:
            states: as for ``loss``.
            rows_R: which tokens show a thing.
            labels_RH: what those things do, as ``histories`` gives it.
        """
        return self.own.loss(states[0][rows_R], labels_RH)


class _Heads(nn.Module):
    """Linear classifiers side by side."""

    def __init__(self, embed_dim: int, sizes: list[int]) -> None:
        super().__init__()
        self.sizes = sizes
        self.norm = nn.RMSNorm(embed_dim)
        self.proj = nn.Linear(embed_dim, sum(sizes))

    def loss(self, hidden_SD: Tensor, labels_SE: Tensor) -> Tensor:
        told = labels_SE[:, 0] != IGNORED
        parts = self.proj(self.norm(hidden_SD[told])).split(self.sizes, dim=-1)
        losses = [
            F.cross_entropy(part.float(), labels, reduction="sum")
            for part, labels in zip(parts, labels_SE[told].T, strict=True)
        ]
        return torch.stack(losses).sum() / (len(losses) * told.sum().clamp(min=1))


def history(clip: Clip, thing: int) -> tuple[int, ...]:
    """What a thing does first and last, which way, and as which event of all: HISTORY's classes."""
    ranked = [(rank, event) for rank, event in enumerate(clip.events, 1) if event.thing == thing]
    if not ranked:
        return (_NOTHING,) * len(HISTORY)
    (first, first_event), (last, last_event) = ranked[0], ranked[-1]
    return (*_event_classes(first_event), first, *_event_classes(last_event), last)


def histories(shown: Sequence[ShownThing]) -> Array:
    """Return the history of each shown thing: (R, 6)."""
    told = [history(one.clip, one.thing) for one in shown]
    return np.array(told, np.int64).reshape(-1, len(HISTORY))


def histories_of_things(scenes: Sequence[Scene]) -> Array:
    """Return what every thing of scenes does, zeros where there is none: (B, MAX_THINGS, 6)."""
    told = np.zeros((len(scenes), MAX_THINGS, len(HISTORY)), np.int64)
    for row, scene in zip(told, scenes, strict=True):
        if scene.clip is not None:
            for thing in range(scene.num_things):
                row[thing] = history(scene.clip, thing)
    return told


def narration_labels(
    scenes: Sequence[Scene], frames: Sequence[Array], num_frames: int = NUM_FRAMES
) -> Array:
    """Return what has happened by the time of each visual token: (S, 7) classes.

    Args:
        scenes: the scenes of a batch.
        frames: for each scene, which still each of its tokens comes from.
        num_frames: stills of every scene.
    """
    rows = []
    for scene, of_token in zip(scenes, frames, strict=True):
        if scene.clip is None:
            rows.append(np.full((len(of_token), _NUM_TOLD * _PARTS + 1), IGNORED))
        else:
            rows.append(_labels_of_frames(scene.clip, num_frames)[of_token])
    return np.concatenate(rows)


def _labels_of_frames(clip: Clip, num_frames: int) -> Array:
    """Return the classes at every still of a clip, IGNORED while something is happening: (T, 7)."""
    fractions = frame_fractions(num_frames)
    labels = np.zeros((len(fractions), _NUM_TOLD * _PARTS + 1), np.int64)
    seen: set[int] = set()
    for frame, now in enumerate(fractions):
        seen |= {i for i in range(len(clip.things)) if in_view(clip, i, float(now))}
        labels[frame, -1] = len(seen)
        if any(event.start < now < event.end for event in clip.events):
            labels[frame] = IGNORED
            continue
        past = [event for event in clip.events if event.end <= now]
        told = [_classes(clip, event) for event in reversed(past[-_NUM_TOLD:])]
        for place, classes in enumerate(told):
            labels[frame, place * _PARTS : (place + 1) * _PARTS] = classes
    return labels


def _classes(clip: Clip, event: Event) -> tuple[int, int, int]:
    return (1 + all_phrases().index(clip.things[event.thing].phrase), *_event_classes(event))


def _event_classes(event: Event) -> tuple[int, int]:
    """Return what happens and which way, as numbers; 0 is nothing and no way."""
    way = _NOTHING if event.direction is None else 1 + _DIRECTIONS.index(event.direction)
    return 1 + ACTIONS.index(event.action), way
