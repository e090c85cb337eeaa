"""How a variant learns and is asked: as nano's LinVT, under the frozen image-LLM.

The loss is that of ``LinVTStage`` as far as it needs not know how video tokens were made: the
answers', and that of the words of questions and answers where the heads that read them are at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from linvt_cli.backbones.nano import Nano
from linvt_cli.training.ablation.variant import Clips, Condensed, Questions, Variant
from linvt_cli.training.coverage import coverage_loss, shown_cells, things_in_sight, token_shares
from linvt_cli.training.examples import ClipBank, Scene
from linvt_cli.training.features import frame_fractions
from linvt_cli.training.linvt_stage import encode_questions
from linvt_cli.training.noise import disturb
from linvt_cli.training.packing import PackedBatch, Reading, Turn, pack, read_batch
from linvt_cli.training.readers import Readers
from linvt_cli.training.validation import exact_by_kind, shares_of

_COVERAGE_WEIGHT = 0.3  # as in LinVT's stage
_TEST_SEED = 5


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of a variant on the test clips."""

    exact: dict[str, tuple[int, int]]  # kind of question -> exact answers, all answers
    num_video_tokens: int  # K that reached the language model


class VariantStage:
    """One variant under the frozen image-LLM.

    Args:
        nano: the image-LLM, which is frozen here.
        variant: what learns.
        train: clips to learn from.
        test: clips to be asked about.
        num_steps: how long it learns.
        seed: of what is drawn.
        readers: heads of the image stage, frozen here too; None where they are not at hand.
        coverage: whether the coverage loss is added, for variants that average source tokens.
        batch_size: clips a step.
        turns_per_clip: questions about each.
        learning_rate: at its peak.
    """

    name = "variant"

    def __init__(
        self,
        nano: Nano,
        variant: Variant,
        train: ClipBank,
        test: ClipBank,
        *,
        num_steps: int,
        seed: int,
        readers: Readers | None = None,
        coverage: bool = False,
        batch_size: int = 12,
        turns_per_clip: int = 4,
        learning_rate: float = 1.5e-3,
    ) -> None:
        self.nano = nano
        self.variant = variant
        self.train = train
        self.test = test
        self.num_steps = num_steps
        self.seed = seed
        self.coverage = coverage
        self.batch_size = batch_size
        self.turns_per_clip = turns_per_clip
        self.learning_rate = learning_rate
        nano.model.requires_grad_(False)
        self.readers = None if readers is None else readers.requires_grad_(False)
        self.measured: Measured | None = None  # the last measurement
        self._noise = torch.Generator(nano.device)

    def trained_modules(self) -> Sequence[tuple[str, nn.Module]]:
        """The variant."""
        return [("variant", self.variant)]

    def loss(self, step: int) -> Tensor:
        """The loss of one batch; every variant with the same seed gets the same batches."""
        rng = np.random.default_rng([step, self.seed])
        draws = int(rng.integers(1 << 31))
        self._noise.manual_seed(draws)
        self.variant.fix_draws(draws)
        scenes = [self.train.draw(rng) for _ in range(self.batch_size)]
        turns = self._turns(scenes, self.train, rng)
        condensed, reading, batch = self._read(scenes, self.train, turns, self._noise)
        loss = F.cross_entropy(reading.logits.float(), reading.labels)
        asked = [scene for scene in scenes for _ in range(self.turns_per_clip)]
        if self.readers is not None:
            clips: list[int | None] = [None] * len(asked)  # none shows a still
            loss = loss + self.readers.loss_of_words(self.nano, reading, batch, asked, turns, clips)
        if self.coverage and condensed.weights is not None:
            loss = loss + _COVERAGE_WEIGHT * self._missed(condensed.weights, asked)
        return loss

    def validate(self) -> dict[str, float]:
        """Share of exactly answered questions over the test clips, by kind."""
        return shares_of(self.measure().exact)

    def measure(self) -> Measured:
        """Ask about the test clips, always the same."""
        rng = np.random.default_rng(_TEST_SEED)
        self.variant.eval().fix_draws(_TEST_SEED)
        counts: list[int] = []

        def read(scenes: list[Scene]) -> tuple[Reading, PackedBatch]:
            turns = self._turns(scenes, self.test, rng)
            condensed, reading, batch = self._read(scenes, self.test, turns, None)
            counts.append(condensed.tokens.shape[1])
            return reading, batch

        with torch.no_grad():
            exact = exact_by_kind(self.test, read)
        self.measured = Measured(exact, max(counts))
        return self.measured

    def _turns(
        self, scenes: list[Scene], bank: ClipBank, rng: np.random.Generator
    ) -> list[list[Turn]]:
        """Draw the questions, each for a sequence of its own: X lists of one."""
        return [[turn] for scene in scenes for turn in bank.turns(scene, self.turns_per_clip, rng)]

    def _read(
        self,
        scenes: Sequence[Scene],
        bank: ClipBank,
        turns: list[list[Turn]],
        noise: torch.Generator | None,
    ) -> tuple[Condensed, Reading, PackedBatch]:
        condensed = self.condense(scenes, bank, turns, noise)
        lengths = [condensed.tokens.shape[1]] * len(turns)
        batch = pack(self.nano, lengths, turns).to(self.nano.device)
        return condensed, read_batch(self.nano, batch, condensed.tokens.flatten(0, 1)), batch

    def condense(
        self,
        scenes: Sequence[Scene],
        bank: ClipBank,
        turns: list[list[Turn]],
        noise: torch.Generator | None = None,
    ) -> Condensed:
        """The video tokens of scenes, disturbed by noise where it is given, for X questions."""
        visual_BTND = self._project(scenes, bank, noise)
        times = torch.from_numpy(frame_fractions()).to(visual_BTND).expand(len(scenes), -1)
        clips = Clips(visual_BTND, times, self.nano.model.config.grid)
        questions = Questions(*encode_questions(self.nano, [turn for (turn,) in turns]))
        condensed: Condensed = self.variant(clips, questions)
        return condensed.for_questions(len(turns))

    @torch.no_grad()
    def _project(
        self, scenes: Sequence[Scene], bank: ClipBank, noise: torch.Generator | None
    ) -> Tensor:
        """Project the features of scenes: (B, T, N, D).

        They go to the device a batch at a time, never as a whole: several processes share it.
        """
        model = self.nano.model
        drawn = np.stack([bank.features(scene) for scene in scenes])
        features = torch.from_numpy(drawn).to(self.nano.device).float()
        normal = (features - model.feature_mean) / model.feature_std
        if noise is not None:
            normal = torch.stack([disturb(clip, noise) for clip in normal])
        visual_BTND: Tensor = model.projector(normal) + model.positions
        return visual_BTND

    def _missed(self, weights_XKS: Tensor, asked: Sequence[Scene]) -> Tensor:
        shown = shown_cells(self.train, asked).to(weights_XKS.device)
        sources = torch.arange(weights_XKS.shape[-1], device=weights_XKS.device)
        shares = token_shares(weights_XKS, sources.expand(len(weights_XKS), -1), shown)
        return coverage_loss(shares, things_in_sight(shown))
