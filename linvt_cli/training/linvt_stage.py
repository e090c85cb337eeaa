"""The second trained part of nano's recipe: LinVT on clips.

The whole image-LLM is frozen and only LinVT learns, as in arXiv 2412.05185 §3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from linvt_cli.backbones.nano import Nano
from linvt_cli.training.coverage import (
    coverage_loss,
    shown_cells,
    things_in_sight,
    token_shares,
    tokens_of_things,
)
from linvt_cli.training.examples import ClipBank, Scene
from linvt_cli.training.features import NUM_FRAMES, frame_fractions
from linvt_cli.training.narration import narration_labels
from linvt_cli.training.noise import disturb
from linvt_cli.training.packing import PackedBatch, Reading, Turn, pack, read_batch
from linvt_cli.training.readers import Readers
from linvt_cli.training.validation import accuracy_by_kind
from linvt_cli.video_tokenizer.aggregator import initial_anchors
from linvt_cli.video_tokenizer.base import KeptTokens
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer

_NARRATION_WEIGHT = 0.3  # in the loss, beside 1 for the answers
_COVERAGE_WEIGHT = 0.3
_OWN_WEIGHT = 0.5


class LinVTStage:
    """LinVT alone, under the frozen image-LLM."""

    def __init__(
        self,
        nano: Nano,
        linvt: LinearVideoTokenizer,
        train: ClipBank,
        validation: ClipBank,
        *,
        name: str,
        num_steps: int,
        readers: Readers | None = None,
        batch_size: int = 12,
        turns_per_clip: int = 4,
        learning_rate: float = 1.5e-3,
        seed: int = 3,
    ) -> None:
        self.name = name
        self.nano = nano
        self.linvt = linvt
        self.train = train
        self.held = validation
        self.num_steps = num_steps
        self.batch_size = batch_size
        self.turns_per_clip = turns_per_clip
        self.learning_rate = learning_rate
        self.seed = seed  # of what is drawn
        nano.model.requires_grad_(False)
        self.readers = None if readers is None else readers.requires_grad_(False)
        self._generator = torch.Generator()
        anchors = np.sort(initial_anchors(linvt.config.num_queries))
        self._frames = (anchors * NUM_FRAMES).astype(int)  # where each video token starts to look

    def trained_modules(self) -> Sequence[tuple[str, nn.Module]]:
        """LinVT."""
        return [("linvt", self.linvt)]

    def loss(self, step: int) -> Tensor:
        """Cross-entropy of the answers of one batch, with the losses that help to learn them."""
        rng = np.random.default_rng([step, self.seed])
        self._generator.manual_seed(step)
        scenes = [self.train.draw(rng) for _ in range(self.batch_size)]
        turns = self._turns(scenes, self.train, rng)
        weighed, reading, batch = self._read(scenes, self.train, turns)
        shown = _each(shown_cells(self.train, scenes).to(self.nano.device), self.turns_per_clip)
        shares = token_shares(weighed.weights, weighed.kept.indices, shown)
        answers = F.cross_entropy(reading.logits.float(), reading.labels)
        answers = answers + _COVERAGE_WEIGHT * coverage_loss(shares, things_in_sight(shown))
        if self.readers is None:
            return answers
        asked = [scene for scene in scenes for _ in range(self.turns_per_clip)]
        labels = narration_labels(asked, [self._frames] * len(asked)).to(self.nano.device)
        states = [hidden[batch.is_video] for hidden in reading.states]
        told = self.readers.narrator.loss(states, labels)
        own = self.readers.narrator.own_loss(states, tokens_of_things(shares, asked))
        clips: list[int | None] = [None] * len(asked)  # none shows a still
        found = self.readers.loss_of_words(self.nano, reading, batch, asked, turns, clips)
        return answers + _NARRATION_WEIGHT * told + _OWN_WEIGHT * own + found

    def validate(self) -> dict[str, float]:
        """Share of exactly answered questions over the validation clips, by kind."""
        rng = np.random.default_rng(5)
        return accuracy_by_kind(
            self.held,
            lambda scenes: self._read(scenes, self.held, self._turns(scenes, self.held, rng))[1:],
        )

    def _turns(
        self, scenes: list[Scene], bank: ClipBank, rng: np.random.Generator
    ) -> list[list[Turn]]:
        """Draw the questions, each for a sequence of its own: B·Q lists of one."""
        return [[turn] for scene in scenes for turn in bank.turns(scene, self.turns_per_clip, rng)]

    def _read(
        self, scenes: list[Scene], bank: ClipBank, turns: list[list[Turn]]
    ) -> tuple[Weighed, Reading, PackedBatch]:
        num_tokens = self.linvt.num_video_tokens
        batch = pack(self.nano, [num_tokens] * len(turns), turns).to(self.nano.device)
        noise = self._generator if self.linvt.training else None
        visual = project_clips(self.nano, bank, scenes, noise)
        weighed = condense(self.nano, self.linvt, visual, [turn for (turn,) in turns])
        return weighed, read_batch(self.nano, batch, weighed.tokens.flatten(0, 1)), batch


@dataclass(frozen=True, slots=True)
class Weighed:
    """What LinVT made of clips for each of their questions."""

    kept: KeptTokens
    weights: Tensor  # (B·Q, K, k)
    tokens: Tensor  # (B·Q, K, D)


def condense(
    nano: Nano, linvt: LinearVideoTokenizer, visual_BTND: Tensor, turns: Sequence[Turn]
) -> Weighed:
    """Refine every clip once, and weigh it for each of its questions.

    Args:
        nano: the image-LLM.
        linvt: of that image-LLM; gradients flow through it.
        visual_BTND: projected features of B clips.
        turns: as many for each of the clips, clip by clip.
    """
    times = torch.from_numpy(frame_fractions()).to(visual_BTND).expand(len(visual_BTND), -1)
    kept = linvt.refiner(visual_BTND, times, nano.model.config.grid)
    kept = repeat_kept(kept, len(turns) // len(visual_BTND))
    weights = linvt.aggregator(kept, *encode_questions(nano, turns))
    return Weighed(kept, weights, weights @ kept.values)


def project_clips(
    nano: Nano, bank: ClipBank, scenes: Sequence[Scene], noise: torch.Generator | None
) -> Tensor:
    """Project the features of scenes, disturbed where noise is to be drawn: (B, T, N, D)."""
    model = nano.model
    projected = []
    with torch.no_grad():
        for scene in scenes:
            features = torch.from_numpy(bank.features(scene)).to(nano.device).float()
            normal = (features - model.feature_mean) / model.feature_std
            if noise is not None:
                normal = disturb(normal, noise)
            projected.append(model.projector(normal) + model.positions)
    return torch.stack(projected)


def encode_questions(nano: Nano, turns: Sequence[Turn]) -> tuple[Tensor, Tensor]:
    """Embeddings of the questions alone with their mask: (B, L, D), (B, L)."""
    questions = [turn.suffix[1:-1] for turn in turns]  # between </video> and <answer>
    ids = torch.zeros(len(questions), max(map(len, questions)), dtype=torch.long)
    mask = torch.zeros_like(ids, dtype=torch.bool)
    for row, question in enumerate(questions):
        ids[row, : len(question)] = torch.tensor(question)
        mask[row, : len(question)] = True
    table = nano.model.language_model.get_input_embeddings()
    return table(ids.to(nano.device)), mask.to(nano.device)


def _each(tensor: Tensor, times: int) -> Tensor:
    return tensor.repeat_interleave(times, dim=0)


def repeat_kept(kept: KeptTokens, times: int) -> KeptTokens:
    """Return what was kept of B videos for so many questions about each of them."""
    return KeptTokens(
        values=_each(kept.values, times),
        indices=_each(kept.indices, times),
        gates=_each(kept.gates, times),
        pooled=tuple(
            replace(
                group,
                keys=_each(group.keys, times),
                log_gates=_each(group.log_gates, times),
                times=_each(group.times, times),
            )
            for group in kept.pooled
        ),
    )
