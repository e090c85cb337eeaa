"""The first trained part of nano's recipe: the vision encoder, on stills that are drawn as it goes.

Features of ImageNet tell a dog from a cat, but not a red star from an orange one, nor where in its
cell a thing stands. So every cell is asked what it shows, where the middle of that is and how large
it is. Stills are never shown twice: nothing can be known by heart. The reader that asks is thrown
away after training.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from linvt_cli.backbones.nano import Nano
from linvt_cli.backbones.nano_model import preprocess
from linvt_cli.backbones.nano_vision import NUM_CHANNELS
from linvt_cli.training.features import cells_covered, draw_foreign_stills, draw_stills
from linvt_cli.training.packing import IGNORED
from linvt_cli.training.render import Renderer
from linvt_cli.training.vocabulary import Split, all_phrases
from linvt_cli.training.world import Clip, make_clip, size_in_square, state_at

FIRST_TRAINED_BLOCK = 5  # the blocks before it see edges and colours, of anything

_NOTHING, _FOREIGN, _FIRST_THING = 0, 1, 2
_SHOWN = 40  # 255ths of a cell that a thing must cover, for the cell to name it
_FRAME_WEIGHT = 0.5  # in the loss, beside 1 for the names
_FOREIGN_SHARE = 0.2
_STILLS_PER_CLIP = 4
_STILLS_PER_PASS = 16  # more at once take longer each
_FIRST_SEED = 1 << 32  # clips are drawn from seeds beyond those of the feature caches
_VALIDATION_CLIPS, _CLIPS_PER_READING = 60, 4


@dataclass(frozen=True, slots=True)
class CellLabels:
    """What the cells of stills show: N cells of each of F stills."""

    names: Tensor  # (F, N) class of the thing; IGNORED where a thing only touches the cell
    boxes: Tensor  # (F, N, 3) its middle right and down of the cell's, root of its area; in cells

    @property
    def has_thing(self) -> Tensor:
        """Where a thing is named: (F, N) bool."""
        return self.names >= _FIRST_THING


class CellReader(nn.Module):
    """Reads off a cell's features what it shows, where, and how large."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(NUM_CHANNELS)
        self.names = nn.Linear(NUM_CHANNELS, _FIRST_THING + len(all_phrases()))
        self.boxes = nn.Linear(NUM_CHANNELS, 3)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(F, N, 768) -> logits of names (F, N, C), boxes (F, N, 3)."""
        normal = self.norm(features)
        return self.names(normal), self.boxes(normal)


class VisionStage:
    """The deeper blocks of the vision encoder, on single stills."""

    name = "vision"

    def __init__(
        self, nano: Nano, *, num_steps: int, batch_size: int = 32, learning_rate: float = 8e-4
    ) -> None:
        self.nano = nano
        self.reader = CellReader().to(nano.device)
        self.num_steps = num_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self._renderer = Renderer()
        vision = nano.model.vision.requires_grad_(False)
        vision.blocks[FIRST_TRAINED_BLOCK:].requires_grad_(True)

    def trained_modules(self) -> Sequence[tuple[str, nn.Module]]:
        """The vision encoder, whose first blocks have no gradients, and the reader."""
        return [("vision", self.nano.model.vision), ("reader", self.reader)]

    def loss(self, step: int) -> Tensor:
        """Cross-entropy of the cells' names, with the error of the boxes of things."""
        rng = np.random.default_rng([step, 11])
        seeds = itertools.count(_FIRST_SEED + step * self.batch_size)
        names, boxes, labels = self._read(self.batch_size // _STILLS_PER_CLIP, "train", seeds, rng)
        named = F.cross_entropy(names.flatten(0, 1), labels.names.flatten(), ignore_index=IGNORED)
        shown = labels.has_thing
        framed = F.smooth_l1_loss(boxes[shown], labels.boxes[shown], reduction="sum")
        return named + _FRAME_WEIGHT * framed / (3 * shown.sum().clamp(min=1))

    def validate(self) -> dict[str, float]:
        """Share of cells read right: things, nothing and foreign ones, and middles of things."""
        rng = np.random.default_rng(12)
        seeds = itertools.count(_FIRST_SEED)
        parts = [
            self._read(_CLIPS_PER_READING, "validation", seeds, rng)
            for _ in range(_VALIDATION_CLIPS // _CLIPS_PER_READING)
        ]
        right = torch.cat([names.argmax(-1) == labels.names for names, _, labels in parts])
        truth = torch.cat([labels.names for *_, labels in parts])
        near = torch.cat(
            [(boxes - labels.boxes)[..., :2].abs().amax(-1) < 0.25 for _, boxes, labels in parts]
        )
        things = truth >= _FIRST_THING
        return {
            "all": float(right[truth != IGNORED].float().mean()),
            "foreign": float(right[truth == _FOREIGN].float().mean()),
            "name": float(right[things].float().mean()),
            "nothing": float(right[truth == _NOTHING].float().mean()),
            "where": float(near[things].float().mean()),
        }

    def _read(
        self, num_clips: int, split: Split, seeds: itertools.count[int], rng: np.random.Generator
    ) -> tuple[Tensor, Tensor, CellLabels]:
        """Draw stills of some clips and read their cells."""
        drawn = [self._draw(next(seeds), split, rng) for _ in range(num_clips)]
        pixels = torch.cat([stills for stills, _ in drawn]).to(self.nano.device)
        labels = CellLabels(
            torch.cat([of.names for _, of in drawn]).to(self.nano.device),
            torch.cat([of.boxes for _, of in drawn]).to(self.nano.device),
        )
        vision = self.nano.model.vision
        features = torch.cat([vision(part) for part in torch.split(pixels, _STILLS_PER_PASS)])
        names, boxes = self.reader(features)
        return names, boxes, labels

    def _draw(self, seed: int, split: Split, rng: np.random.Generator) -> tuple[Tensor, CellLabels]:
        """Draw a few stills of one clip: (F, 3, S, S), with their labels."""
        size, (grid, _) = self.nano.model.config.image_size, self.nano.model.config.grid
        if rng.random() < _FOREIGN_SHARE:
            stills = draw_foreign_stills(seed, split, _STILLS_PER_CLIP, size, rng)
            labels = foreign_labels(_STILLS_PER_CLIP, grid)
        else:
            clip, fractions = make_clip(seed, split), rng.random(_STILLS_PER_CLIP)
            stills = draw_stills(clip, fractions, size, rng, self._renderer)
            labels = cell_labels(clip, fractions, grid)
        return preprocess(torch.from_numpy(stills), size), labels


def cell_labels(clip: Clip, fractions: Sequence[float] | np.ndarray, grid: int) -> CellLabels:
    """Return what every cell of G · G shows at some fractions of a clip's time."""
    phrases = all_phrases()
    classes = np.array([_FIRST_THING + phrases.index(thing.phrase) for thing in clip.things])
    rows, columns = np.divmod(np.arange(grid * grid), grid)
    names = np.empty((len(fractions), grid * grid), np.int64)
    boxes = np.zeros((len(fractions), grid * grid, 3), np.float32)
    for still, fraction in enumerate(fractions):
        cover = cells_covered(clip, float(fraction), grid)
        shown = cover.argmax(axis=0)
        most = cover.max(axis=0)
        of_shown = classes[shown.clip(max=len(classes) - 1)]
        names[still] = np.where(most >= _SHOWN, of_shown, np.where(most > 0, IGNORED, _NOTHING))
        placed = [state_at(clip, thing, float(fraction)) for thing in range(len(clip.things))]
        for cell in np.flatnonzero(most >= _SHOWN):
            thing = placed[shown[cell]]
            boxes[still, cell] = (
                thing.x * grid - columns[cell] - 0.5,
                thing.y * grid - rows[cell] - 0.5,
                size_in_square(clip, thing.size) * grid,
            )
    return CellLabels(torch.from_numpy(names), torch.from_numpy(boxes))


def foreign_labels(num_stills: int, grid: int) -> CellLabels:
    """Return the labels of stills that hold nothing of the world: every cell is foreign."""
    names = torch.full((num_stills, grid * grid), _FOREIGN)
    return CellLabels(names, torch.zeros(num_stills, grid * grid, 3))
