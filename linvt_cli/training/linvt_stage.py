"""The second trained part of nano's recipe: LinVT on clips.

The whole image-LLM is frozen and only LinVT learns, as in arXiv 2412.05185 §3.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from linvt_cli.backbones.nano import Nano
from linvt_cli.training.examples import ClipBank, Scene
from linvt_cli.training.features import NUM_FRAMES, frame_fractions
from linvt_cli.training.narration import Narrator, narration_labels
from linvt_cli.training.packing import PackedBatch, Reading, Turn, pack, read_batch
from linvt_cli.training.validation import accuracy_by_kind
from linvt_cli.video_tokenizer.aggregator import initial_anchors
from linvt_cli.video_tokenizer.base import KeptTokens
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer

_NARRATION_WEIGHT = 0.3  # in the loss, beside 1 for the answers


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
        kinds: Collection[str] | None = None,
        narrator: Narrator | None = None,
        batch_size: int = 12,
        turns_per_clip: int = 4,
        learning_rate: float = 1.5e-3,
    ) -> None:
        self.name = name
        self.nano = nano
        self.linvt = linvt
        self.train = train
        self.held = validation
        self.num_steps = num_steps
        self.kinds = kinds
        self.batch_size = batch_size
        self.turns_per_clip = turns_per_clip
        self.learning_rate = learning_rate
        nano.model.requires_grad_(False)
        self.narrator = None if narrator is None else narrator.requires_grad_(False)
        anchors = np.sort(initial_anchors(linvt.config.num_queries))
        self._frames = (anchors * NUM_FRAMES).astype(int)  # where each video token starts to look

    def trained_modules(self) -> Sequence[tuple[str, nn.Module]]:
        """LinVT."""
        return [("linvt", self.linvt)]

    def loss(self, step: int) -> Tensor:
        """Cross-entropy of the answers of one batch, with the narration loss."""
        rng = np.random.default_rng([step, 3 if self.kinds is None else 4])
        scenes = [self.train.draw(rng) for _ in range(self.batch_size)]
        reading, batch = self._read(scenes, self.train, rng)
        answers = F.cross_entropy(reading.logits.float(), reading.labels)
        if self.narrator is None:
            return answers
        asked = [scene for scene in scenes for _ in range(self.turns_per_clip)]
        labels = narration_labels(asked, [self._frames] * len(asked)).to(self.nano.device)
        states = [hidden[batch.is_video] for hidden in reading.states]
        return answers + _NARRATION_WEIGHT * self.narrator.loss(states, labels)

    def validate(self) -> dict[str, float]:
        """Share of exactly answered questions over the validation clips, by kind."""
        rng = np.random.default_rng(5)
        return accuracy_by_kind(self.held, lambda scenes: self._read(scenes, self.held, rng))

    def _read(
        self, scenes: list[Scene], bank: ClipBank, rng: np.random.Generator
    ) -> tuple[Reading, PackedBatch]:
        turns = [
            [turn] for s in scenes for turn in bank.turns(s, self.turns_per_clip, rng, self.kinds)
        ]
        if len(turns) != len(scenes) * self.turns_per_clip:
            raise ValueError("Every clip of a batch must have the same number of questions")
        num_tokens = self.linvt.num_video_tokens
        batch = pack(self.nano, [num_tokens] * len(turns), turns).to(self.nano.device)
        visual = torch.stack([bank.visual_tokens(scene) for scene in scenes])
        tokens = self._condense(visual.to(self.nano.device).float(), turns)
        return read_batch(self.nano, batch, tokens.flatten(0, 1)), batch

    def _condense(self, visual_BTND: Tensor, turns: list[list[Turn]]) -> Tensor:
        """Refine every clip once, and weigh it for each of its questions: (B·Q, K, D)."""
        times = torch.from_numpy(frame_fractions()).to(visual_BTND).expand(len(visual_BTND), -1)
        kept = self.linvt.refiner(visual_BTND, times, self.nano.model.config.grid)
        kept = _repeat(kept, self.turns_per_clip)
        text, mask = _questions(self.nano, [turn for (turn,) in turns])
        weights = self.linvt.aggregator(kept, text, mask)
        tokens: Tensor = weights @ kept.values
        return tokens


def project_features(nano: Nano, bank: ClipBank) -> None:
    """Give a bank the visual tokens of all its clips, once the projector is frozen."""
    with torch.no_grad():
        model = nano.model
        bank.keep_visual_tokens(
            lambda features: (
                (model.project(features.to(nano.device).float()) - model.positions).cpu().half()
            ),
            model.positions.cpu(),
        )


def _questions(nano: Nano, turns: Sequence[Turn]) -> tuple[Tensor, Tensor]:
    """Embeddings of the questions alone with their mask: (B, L, D), (B, L)."""
    questions = [turn.suffix[1:-1] for turn in turns]  # between </video> and <answer>
    ids = torch.zeros(len(questions), max(map(len, questions)), dtype=torch.long)
    mask = torch.zeros_like(ids, dtype=torch.bool)
    for row, question in enumerate(questions):
        ids[row, : len(question)] = torch.tensor(question)
        mask[row, : len(question)] = True
    table = nano.model.language_model.get_input_embeddings()
    return table(ids.to(nano.device)), mask.to(nano.device)


def _repeat(kept: KeptTokens, times: int) -> KeptTokens:
    def each(tensor: Tensor) -> Tensor:
        return tensor.repeat_interleave(times, dim=0)

    return KeptTokens(
        values=each(kept.values),
        indices=each(kept.indices),
        gates=each(kept.gates),
        pooled=tuple(
            replace(
                group,
                keys=each(group.keys),
                log_gates=each(group.log_gates),
                times=each(group.times),
            )
            for group in kept.pooled
        ),
    )
