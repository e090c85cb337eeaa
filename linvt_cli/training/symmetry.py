"""The eight symmetries of a square: a clip turned or mirrored is another clip of the same world.

Nothing is drawn anew. The cells of a feature grid change places, with what they show left upright,
and places and directions are renamed; so a few thousand clips serve as many times more.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

from linvt_cli.training.stage import Track
from linvt_cli.training.vocabulary import Direction
from linvt_cli.training.world import Clip, Event

_FLIPPED_X: dict[Direction, Direction] = {"left": "right", "right": "left"}
_FLIPPED_Y: dict[Direction, Direction] = {
    "top": "bottom",
    "bottom": "top",
    "up": "down",
    "down": "up",
}
_TRANSPOSED_SIDES: dict[Direction, Direction] = {
    "left": "top",
    "top": "left",
    "right": "bottom",
    "bottom": "right",
}
_TRANSPOSED_HEADINGS: dict[Direction, Direction] = {
    "left": "up",
    "up": "left",
    "right": "down",
    "down": "right",
}


@dataclass(frozen=True, slots=True)
class Symmetry:
    """First rows and columns change roles, if so, then left and right, then top and bottom."""

    transposes: bool = False
    flips_x: bool = False
    flips_y: bool = False

    def cells(self, side: int) -> np.ndarray:
        """Return which old cell goes to each new one, row by row: (side²,)."""
        grid = np.arange(side * side).reshape(side, side)
        if self.transposes:
            grid = grid.T
        if self.flips_x:
            grid = grid[:, ::-1]
        if self.flips_y:
            grid = grid[::-1]
        return np.ascontiguousarray(grid).ravel()

    def clip(self, clip: Clip) -> Clip:
        """Return a clip as it looks through the symmetry."""
        return replace(
            clip,
            tracks=tuple(self._track(track) for track in clip.tracks),
            events=tuple(replace(e, direction=self._direction(e)) for e in clip.events),
            width=clip.height if self.transposes else clip.width,
            height=clip.width if self.transposes else clip.height,
        )

    def _track(self, track: Track) -> Track:
        xs, ys = (track.ys, track.xs) if self.transposes else (track.xs, track.ys)
        if self.flips_x:
            xs = tuple(1 - x for x in xs)
        if self.flips_y:
            ys = tuple(1 - y for y in ys)
        return replace(track, xs=xs, ys=ys)

    def _direction(self, event: Event) -> Direction | None:
        direction = event.direction
        if direction is None:
            return None
        if self.transposes:
            heading = event.action == "moves"
            direction = (_TRANSPOSED_HEADINGS if heading else _TRANSPOSED_SIDES)[direction]
        if self.flips_x:
            direction = _FLIPPED_X.get(direction, direction)
        if self.flips_y:
            direction = _FLIPPED_Y.get(direction, direction)
        return direction


IDENTITY = Symmetry()
SYMMETRIES = tuple(Symmetry(*choice) for choice in itertools.product((False, True), repeat=3))
