"""Where nano's LinVT begins: with a video token for every thing in every frame.

No answer is asked for, so the language model has no part in a step, and a step takes a quarter of
the time of one that has. LinVT learns to look at things, which all questions need, before it learns
what else an answer takes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from linvt_cli.backbones.nano import Nano
from linvt_cli.training.coverage import (
    TokenShares,
    coverage_loss,
    own_shares,
    shown_cells,
    things_in_sight,
    token_shares,
)
from linvt_cli.training.examples import ClipBank, Scene
from linvt_cli.training.linvt_stage import condense, project_clips
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
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.seed = seed  # of what is drawn
        nano.model.requires_grad_(False)
        self._generator = torch.Generator()

    def trained_modules(self) -> Sequence[tuple[str, nn.Module]]:
        """LinVT."""
        return [("linvt", self.linvt)]

    def loss(self, step: int) -> Tensor:
        """The coverage loss of one batch."""
        rng = np.random.default_rng([step, self.seed])
        scenes = [self.train.draw(rng) for _ in range(self.batch_size)]
        return coverage_loss(
            *self._shares(scenes, self.train, rng, self._generator.manual_seed(step))
        )

    def validate(self) -> dict[str, float]:
        """Share of things in sight that have a token, over all and by their number in a frame."""
        rng = np.random.default_rng(5)
        scenes = [scene for scene in self.held.all_scenes() if scene.clip is not None]
        parts = [
            self._shares(scenes[start : start + self.batch_size], self.held, rng, None)
            for start in range(0, len(scenes), self.batch_size)
        ]
        covered = torch.cat([own_shares(*part)[part[1]] > _COVERED for part in parts])
        counts = torch.cat(
            [part.sum(dim=-1, keepdim=True).expand_as(part)[part] for _, part in parts]
        )
        by_count = {
            f"of {count}": float(covered[counts == count].float().mean())
            for count in sorted(set(counts.tolist()))
        }
        return {"all": float(covered.float().mean()), **by_count}

    def _shares(
        self,
        scenes: Sequence[Scene],
        bank: ClipBank,
        rng: np.random.Generator,
        noise: torch.Generator | None,
    ) -> tuple[TokenShares, Tensor]:
        """What the tokens of scenes show, and what they should: shares, (B, T, A) bool."""
        turns = [turn for scene in scenes for turn in bank.turns(scene, 1, rng)]
        visual = project_clips(self.nano, bank, scenes, noise)
        weighed = condense(self.nano, self.linvt, visual, turns)
        shown = shown_cells(bank, scenes).to(self.nano.device)
        shares = token_shares(weighed.weights, weighed.kept.indices, shown)
        return shares, things_in_sight(shown)
