"""Where nano's LinVT begins: with a video token for every thing in every frame.

No answer is asked for, so the language model has no part in a step, and a step takes a quarter of
the time of one that has. LinVT learns to look at things, which all questions need, before it learns
what else an answer takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from linvt_cli.backbones.nano import Nano
from linvt_cli.training.clip_drawing import ClipDrawing, DrawnClips
from linvt_cli.training.coverage import (
    TokenShares,
    cells_that_show,
    coverage_loss,
    own_shares,
    things_in_sight,
    token_shares,
)
from linvt_cli.training.examples import ClipBank
from linvt_cli.training.linvt_stage import condense_drawn
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer

_COVERED = 0.5  # of a token's weight


class CoverageStage:
    """LinVT alone, without the language model, on clips with one question to each."""

    name = "linvt-cover"

    def __init__(
        self,
        nano: Nano,
        linvt: LinearVideoTokenizer,
        train: ClipBank,
        validation: ClipBank,
        *,
        num_steps: int,
        batch_size: int = 16,
        learning_rate: float = 1e-3,
        seed: int = 4,
    ) -> None:
        self.nano = nano
        self.linvt = linvt
        self.train = train
        self.held = validation
        self.num_steps = num_steps
        self.learning_rate = learning_rate
        self.drawing = ClipDrawing(train, batch_size, seed)
        nano.model.requires_grad_(False)
        self._generator = torch.Generator(nano.device)
        self._held: list[DrawnClips] | None = None  # validation looks at the same every time

    def trained_modules(self) -> Sequence[tuple[str, nn.Module]]:
        """LinVT."""
        return [("linvt", self.linvt)]

    def loss(self, step: int) -> Tensor:
        """The loss of the batch of one step."""
        return self.loss_of(self.drawing(step))

    def loss_of(self, drawn: DrawnClips) -> Tensor:
        """The coverage loss of one batch."""
        noise = self._generator.manual_seed(drawn.step)
        return coverage_loss(*self._shares(drawn, self.train, noise))

    def validate(self) -> dict[str, float]:
        """Share of things in sight that have a token, over all and by their number in a frame."""
        if self._held is None:
            self._held = self._draw_held()
        parts = [self._shares(drawn, self.held, None) for drawn in self._held]
        covered = torch.cat([own_shares(*part)[part[1]] > _COVERED for part in parts])
        counts = torch.cat(
            [part.sum(dim=-1, keepdim=True).expand_as(part)[part] for _, part in parts]
        )
        by_count = {
            f"of {count}": float(covered[counts == count].float().mean())
            for count in sorted(set(counts.tolist()))
        }
        return {"all": float(covered.float().mean()), **by_count}

    def _draw_held(self) -> list[DrawnClips]:
        rng, drawing = np.random.default_rng(5), replace(self.drawing, bank=self.held)
        scenes = [scene for scene in self.held.all_scenes() if scene.clip is not None]
        size = drawing.batch_size
        return [
            drawing.ask(scenes[start : start + size], rng) for start in range(0, len(scenes), size)
        ]

    def _shares(
        self, drawn: DrawnClips, bank: ClipBank, noise: torch.Generator | None
    ) -> tuple[TokenShares, Tensor]:
        """What the tokens of clips show, and what they should: shares, (B, T, A) bool."""
        weighed = condense_drawn(self.nano, self.linvt, bank, drawn, noise)
        shown = cells_that_show(torch.from_numpy(drawn.cover).to(self.nano.device))
        shares = token_shares(weighed.weights, weighed.kept.indices, shown)
        return shares, things_in_sight(shown)
