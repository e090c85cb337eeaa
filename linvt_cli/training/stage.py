"""Where every thing of a clip is at every time: tracks that never collide.

Positions are fractions of the frame's width and height, sizes fractions of its short side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from linvt_cli.training.schedule import Slot
from linvt_cli.training.vocabulary import HEADINGS, SIDES, Direction

_JITTER = 0.045
_SMALL, _NORMAL, _LARGE = (0.17, 0.19), (0.23, 0.29), (0.31, 0.34)
_MARGIN = 0.015  # between the boxes of two things, of the short side
FloatArray = np.ndarray[Any, np.dtype[np.float64]]
Size = TypeVar("Size", float, FloatArray)
_CHECKS = 80  # of a usual clip; as much more as events are quicker


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a thing is at one time."""

    x: float
    y: float
    size: float
    visible: bool


@dataclass(frozen=True, slots=True)
class Track:
    """The whole way of one thing: straight between keys, and hidden at times."""

    times: tuple[float, ...]
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    sizes: tuple[float, ...]
    hidden: tuple[tuple[float, float], ...]  # half-open intervals

    def at(self, fraction: float) -> Placement:
        """Return the placement at a fraction of the clip."""
        x, y, size = (
            float(np.interp(fraction, self.times, values))
            for values in (self.xs, self.ys, self.sizes)
        )
        visible = not any(start <= fraction < end for start, end in self.hidden)
        return Placement(x, y, size, visible)

    def backwards(self) -> Track:
        """Return the track of the clip played backwards."""
        return Track(
            times=tuple(1 - time for time in reversed(self.times)),
            xs=self.xs[::-1],
            ys=self.ys[::-1],
            sizes=self.sizes[::-1],
            hidden=tuple((1 - end, 1 - start) for start, end in reversed(self.hidden)),
        )


class _Path:
    """A track in the making."""

    def __init__(self, cell: tuple[int, int], size: float, rng: np.random.Generator) -> None:
        self.cell = cell
        self.jitter = rng.uniform(-_JITTER, _JITTER, 2)
        x, y = self.place(cell)
        self.keys = [(0.0, x, y, size)]
        self.hidden: list[tuple[float, float]] = []

    def place(self, cell: tuple[int, int]) -> tuple[float, float]:
        row, column = cell
        return (2 * column + 1) / 6 + self.jitter[0], (2 * row + 1) / 6 + self.jitter[1]

    def go(self, start: float, end: float, x: float, y: float, size: float) -> None:
        _, old_x, old_y, old_size = self.keys[-1]
        self.keys += [(start, old_x, old_y, old_size), (end, x, y, size)]

    def track(self) -> Track:
        _, x, y, size = self.keys[-1]
        times, xs, ys, sizes = zip(*[*self.keys, (1.0, x, y, size)], strict=True)
        return Track(times, xs, ys, sizes, tuple(self.hidden))


def lay_tracks(
    slots: tuple[Slot, ...],
    num_things: int,
    aspect: float,
    rng: np.random.Generator,
    pace: float = 1.0,
) -> tuple[list[Track], list[Direction | None]] | None:
    """Draw a way for every thing, or return None where they would collide.

    Args:
        slots: the planned events.
        num_things: how many things there are.
        aspect: width of the frame over its height.
        rng: source of all choices.
        pace: how much quicker events are than in a usual clip.

    Returns:
        The tracks, and for every slot its direction where the action has one.
    """
    cells = [divmod(int(cell), 3) for cell in rng.permutation(9)[:num_things]]
    paths = [
        _Path(cells[thing], _first_size(slots, thing, rng), rng) for thing in range(num_things)
    ]
    directions = [_act(paths[slot.thing], slot, aspect, rng) for slot in slots]
    tracks = [path.track() for path in paths]
    return None if _collide(tracks, aspect, pace) else (tracks, directions)


def _first_size(slots: tuple[Slot, ...], thing: int, rng: np.random.Generator) -> float:
    for slot in slots:
        if slot.thing == thing and slot.action in ("grows", "shrinks"):
            return float(rng.uniform(*(_SMALL if slot.action == "grows" else _LARGE)))
    return float(rng.uniform(*_NORMAL))


def _act(path: _Path, slot: Slot, aspect: float, rng: np.random.Generator) -> Direction | None:
    """Continue a path through one event; return its direction where it has one."""
    _, x, y, size = path.keys[-1]
    match slot.action:
        case "enters":
            side: Direction = SIDES[int(rng.integers(4))]
            outside = _outside(side, x, y, size, aspect)
            path.keys[0] = (0.0, *outside, size)
            path.hidden.append((-1.0, slot.start))
            path.go(slot.start, slot.end, x, y, size)
            return side
        case "leaves":
            side = SIDES[int(rng.integers(4))]
            path.go(slot.start, slot.end, *_outside(side, x, y, size, aspect), size)
            path.hidden.append((slot.end, 2.0))
            return side
        case "moves":
            return _move(path, slot, rng)
        case "grows" | "shrinks":
            target = _LARGE if slot.action == "grows" else _SMALL
            path.go(slot.start, slot.end, x, y, float(rng.uniform(*target)))
        case "blinks":
            phase = (slot.end - slot.start) / 3
            path.hidden.append((slot.start, slot.start + phase))
            path.hidden.append((slot.end - phase, slot.end))
        case "appears":
            path.hidden.append((-1.0, slot.start))
        case "disappears":
            path.hidden.append((slot.end, 2.0))
    return None


def _move(path: _Path, slot: Slot, rng: np.random.Generator) -> Direction:
    row, column = path.cell
    ways: list[tuple[Direction, tuple[int, int]]] = []
    for heading in HEADINGS:
        for steps in (1, 2):
            target = {
                "left": (row, column - steps),
                "right": (row, column + steps),
                "up": (row - steps, column),
                "down": (row + steps, column),
            }[heading]
            if min(target) >= 0 and max(target) <= 2:
                ways.append((heading, target))
    heading, path.cell = ways[int(rng.integers(len(ways)))]
    path.go(slot.start, slot.end, *path.place(path.cell), path.keys[-1][3])
    return heading


def _outside(
    side: Direction, x: float, y: float, size: float, aspect: float
) -> tuple[float, float]:
    """Return where a thing is just out of view."""
    half_x, half_y = half_box(size, aspect)
    return {
        "left": (-half_x, y),
        "right": (1 + half_x, y),
        "top": (x, -half_y),
        "bottom": (x, 1 + half_y),
    }[side]


def half_box(size: Size, aspect: float) -> tuple[Size, Size]:
    """Half the width and height of a thing's box, as fractions of the frame."""
    return (size / aspect / 2, size / 2) if aspect > 1 else (size / 2, size * aspect / 2)


def _collide(tracks: list[Track], aspect: float, pace: float) -> bool:
    """Tell whether two things ever touch while both are in view."""
    checks = np.linspace(0.0, 1.0, round(_CHECKS * pace) + 1)
    boxes = []
    for track in tracks:
        xs, ys, sizes = (
            np.interp(checks, track.times, values) for values in (track.xs, track.ys, track.sizes)
        )
        centres = np.stack([xs, ys], axis=1)
        halves = np.stack(half_box(sizes + _MARGIN, aspect), axis=1)
        boxes.append((centres, halves, _has_place(track, checks)))
    for i, (centres, halves, there) in enumerate(boxes):
        for other_centres, other_halves, other_there in boxes[:i]:
            apart = np.abs(centres - other_centres) >= halves + other_halves
            if (~apart.any(axis=1) & there & other_there).any():
                return True
    return False


def _has_place(track: Track, fractions: FloatArray) -> np.ndarray[Any, Any]:
    """Tell when a thing is in view or blinks: it keeps its place then, and nothing may cross it."""
    there = np.ones(len(fractions), bool)
    for start, end in track.hidden:
        if not 0 <= start <= end <= 1:
            there &= (fractions < start) | (fractions >= end)
    return there
