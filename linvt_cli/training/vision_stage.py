"""The first trained part of nano's recipe: the vision encoder, on stills that are drawn as it goes.

Features of ImageNet tell a dog from a cat, but not a red star from an orange one, nor where in its
cell a thing stands. So every cell is asked what it shows, where the middle of that is and how large
it is. Stills are never shown twice: nothing can be known by heart. The reader that asks is thrown
away after training.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from linvt_cli.backbones.nano import Nano
from linvt_cli.backbones.nano_vision import NUM_CHANNELS
from linvt_cli.training.features import as_read, at_once
from linvt_cli.training.packing import IGNORED
from linvt_cli.training.still_drawing import (
    FIRST_THING,
    FOREIGN,
    NOTHING,
    DrawnStills,
    StillDrawing,
)
from linvt_cli.training.vocabulary import all_phrases

FIRST_TRAINED_BLOCK = 5  # the blocks before it see edges and colours, of anything

_FRAME_WEIGHT = 0.5  # in the loss, beside 1 for the names
_STILLS_PER_PASS = 16  # on a CPU, where more at once take longer each


class CellReader(nn.Module):
    """Reads off a cell's features what it shows, where, and how large."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(NUM_CHANNELS)
        self.names = nn.Linear(NUM_CHANNELS, FIRST_THING + len(all_phrases()))
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
        self.learning_rate = learning_rate
        config = nano.model.config
        self.drawing = StillDrawing(batch_size, config.image_size, config.grid[0])
        self._held: list[DrawnStills] | None = None  # validation looks at the same every time
        vision = nano.model.vision.requires_grad_(False)
        vision.blocks[FIRST_TRAINED_BLOCK:].requires_grad_(True)

    def trained_modules(self) -> Sequence[tuple[str, nn.Module]]:
        """The vision encoder, whose first blocks have no gradients, and the reader."""
        return [("vision", self.nano.model.vision), ("reader", self.reader)]

    def loss(self, step: int) -> Tensor:
        """The loss of the batch of one step."""
        return self.loss_of(self.drawing(step))

    def loss_of(self, drawn: DrawnStills) -> Tensor:
        """Cross-entropy of the cells' names, with the error of the boxes of things."""
        (names, true_names), (boxes, true_boxes) = self._read(drawn)
        named = F.cross_entropy(names.flatten(0, 1), true_names.flatten(), ignore_index=IGNORED)
        shown = true_names >= FIRST_THING
        framed = F.smooth_l1_loss(boxes[shown], true_boxes[shown], reduction="sum")
        return named + _FRAME_WEIGHT * framed / (3 * shown.sum().clamp(min=1))

    def validate(self) -> dict[str, float]:
        """Share of cells read right: things, nothing and foreign ones, and middles of things."""
        if self._held is None:
            self._held = self.drawing.validation()
        parts = [self._read(drawn) for drawn in self._held]
        right = torch.cat([names.argmax(-1) == truth for (names, truth), _ in parts])
        truth = torch.cat([truth for (_, truth), _ in parts])
        near = torch.cat(
            [(boxes - truth)[..., :2].abs().amax(-1) < 0.25 for _, (boxes, truth) in parts]
        )
        things = truth >= FIRST_THING
        return {
            "all": float(right[truth != IGNORED].float().mean()),
            "foreign": float(right[truth == FOREIGN].float().mean()),
            "name": float(right[things].float().mean()),
            "nothing": float(right[truth == NOTHING].float().mean()),
            "where": float(near[things].float().mean()),
        }

    def _read(self, drawn: DrawnStills) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Read the cells of stills: logits of names and true names, boxes and true boxes."""
        device, vision = self.nano.device, self.nano.model.vision
        pixels = as_read(drawn.pixels, device)
        size = len(pixels) if at_once(device) else _STILLS_PER_PASS
        features = torch.cat([vision(part) for part in torch.split(pixels, size)])
        names, boxes = self.reader(features)
        truth = drawn.labels
        return (
            (names, torch.from_numpy(truth.names).to(device)),
            (boxes, torch.from_numpy(truth.boxes).to(device)),
        )
