"""What a step of the vision stage is made from, without a model: stills, and what cells show.

All of it is arrays and follows from the number of the step, so it can be drawn ahead by other
processes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linvt_cli.training.features import (
    cells_covered,
    draw_foreign_stills,
    draw_stills,
    squeezed,
)
from linvt_cli.training.packing import IGNORED
from linvt_cli.training.render import Renderer
from linvt_cli.training.vocabulary import Split, all_phrases
from linvt_cli.training.world import Clip, make_clip, size_in_square, state_at

Array = np.ndarray[Any, Any]
NOTHING, FOREIGN, FIRST_THING = 0, 1, 2
_SHOWN = 40  # 255ths of a cell that a thing must cover, for the cell to name it
_FOREIGN_SHARE = 0.2
_STILLS_PER_CLIP = 4
_FIRST_SEED = 1 << 32  # clips are drawn from seeds beyond those of the feature caches
_VALIDATION_CLIPS, _CLIPS_PER_READING = 60, 4


@dataclass(frozen=True, slots=True)
class CellLabels:
    """What the cells of stills show: N cells of each of F stills."""

    names: Array  # (F, N) class of the thing; IGNORED where a thing only touches the cell
    boxes: Array  # (F, N, 3) its middle right and down of the cell's, root of its area; in cells


@dataclass(frozen=True, slots=True)
class DrawnStills:
    """A batch of the vision stage."""

    pixels: Array  # (F, S, S, 3) uint8
    labels: CellLabels


@dataclass(frozen=True, slots=True)
class StillDrawing:
    """Draws the batches of the vision stage, each from its step alone.

    Args:
        batch_size: stills.
        image_size: S.
        grid: G of G · G cells.
    """

    batch_size: int
    image_size: int
    grid: int

    def __call__(self, step: int) -> DrawnStills:
        """Draw the batch of one step, of clips that no other step shows."""
        rng = np.random.default_rng([step, 11])
        seeds = itertools.count(_FIRST_SEED + step * self.batch_size)
        return self._stills(self.batch_size // _STILLS_PER_CLIP, "train", seeds, rng)

    def validation(self) -> list[DrawnStills]:
        """Draw the stills of the validation split, always the same."""
        rng = np.random.default_rng(12)
        seeds = itertools.count(_FIRST_SEED)
        return [
            self._stills(_CLIPS_PER_READING, "validation", seeds, rng)
            for _ in range(_VALIDATION_CLIPS // _CLIPS_PER_READING)
        ]

    def _stills(
        self, num_clips: int, split: Split, seeds: Iterator[int], rng: np.random.Generator
    ) -> DrawnStills:
        drawn = [self._of_clip(next(seeds), split, rng) for _ in range(num_clips)]
        return DrawnStills(
            np.concatenate([stills for stills, _ in drawn]),
            CellLabels(
                np.concatenate([labels.names for _, labels in drawn]),
                np.concatenate([labels.boxes for _, labels in drawn]),
            ),
        )

    def _of_clip(
        self, seed: int, split: Split, rng: np.random.Generator
    ) -> tuple[Array, CellLabels]:
        """Draw a few stills of one clip: (F, S, S, 3), with their labels."""
        if rng.random() < _FOREIGN_SHARE:
            stills = draw_foreign_stills(seed, split, _STILLS_PER_CLIP, self.image_size, rng)
            labels = foreign_labels(_STILLS_PER_CLIP, self.grid)
        else:
            clip, fractions = make_clip(seed, split), rng.random(_STILLS_PER_CLIP)
            stills = draw_stills(clip, fractions, self.image_size, rng, Renderer())
            labels = cell_labels(clip, fractions, self.grid)
        return squeezed(stills, self.image_size), labels


def cell_labels(clip: Clip, fractions: Sequence[float] | Array, grid: int) -> CellLabels:
    """Return what every cell of G · G shows at some fractions of a clip's time."""
    phrases = all_phrases()
    classes = np.array([FIRST_THING + phrases.index(thing.phrase) for thing in clip.things])
    rows, columns = np.divmod(np.arange(grid * grid), grid)
    names = np.empty((len(fractions), grid * grid), np.int64)
    boxes = np.zeros((len(fractions), grid * grid, 3), np.float32)
    for still, fraction in enumerate(fractions):
        cover = cells_covered(clip, float(fraction), grid)
        shown = cover.argmax(axis=0)
        most = cover.max(axis=0)
        of_shown = classes[shown.clip(max=len(classes) - 1)]
        names[still] = np.where(most >= _SHOWN, of_shown, np.where(most > 0, IGNORED, NOTHING))
        placed = [state_at(clip, thing, float(fraction)) for thing in range(len(clip.things))]
        for cell in np.flatnonzero(most >= _SHOWN):
            thing = placed[shown[cell]]
            boxes[still, cell] = (
                thing.x * grid - columns[cell] - 0.5,
                thing.y * grid - rows[cell] - 0.5,
                size_in_square(clip, thing.size) * grid,
            )
    return CellLabels(names, boxes)


def foreign_labels(num_stills: int, grid: int) -> CellLabels:
    """Return the labels of stills that hold nothing of the world: every cell is foreign."""
    names = np.full((num_stills, grid * grid), FOREIGN, np.int64)
    return CellLabels(names, np.zeros((num_stills, grid * grid, 3), np.float32))
