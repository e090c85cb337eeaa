"""The two trained parts of nano's recipe: the image-LLM on stills, then LinVT on clips.

In the image stage, projector and language model learn; the vision encoder is frozen throughout. In
the LinVT stages the whole image-LLM is frozen and only LinVT learns, as in arXiv 2412.05185 §3.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from linvt_cli.backbones.nano import Nano
from linvt_cli.training.examples import ClipBank, Scene
from linvt_cli.training.features import NUM_FRAMES, frame_fractions
from linvt_cli.training.naming import named_tokens, naming_loss
from linvt_cli.training.packing import (
    PackedBatch,
    Turn,
    answer_logits,
    count_exact,
    pack,
)
from linvt_cli.training.storyboard import Selection, storyboard, whole_still
from linvt_cli.video_tokenizer.base import KeptTokens
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer

_STILL_SHARE = 0.3  # of the scenes, once storyboards have begun
_VALIDATION_BATCH = 20
_NAMING_SHARE = 0.3  # of the loss


class ImageStage:
    """Projector and language model on stills and storyboards, several questions to each."""

    name = "image"

    def __init__(
        self,
        nano: Nano,
        train: ClipBank,
        validation: ClipBank,
        *,
        num_steps: int,
        num_tokens: int,
        batch_size: int = 24,
        turns_per_clip: int = 6,
        learning_rate: float = 1.5e-3,
        stills_first: int = 0,
    ) -> None:
        self.nano = nano
        self.train = train
        self.held = validation
        self.num_steps = num_steps
        self.num_tokens = num_tokens
        self.batch_size = batch_size
        self.turns_per_clip = turns_per_clip
        self.learning_rate = learning_rate
        self.stills_first = stills_first  # steps that show whole stills only
        nano.model.vision.requires_grad_(False)

    def trained_modules(self) -> Sequence[tuple[str, nn.Module]]:
        """Everything of nano; the frozen vision encoder has no gradients."""
        return [("nano", self.nano.model)]

    def loss(self, step: int) -> Tensor:
        """Cross-entropy of the answers of one batch."""
        rng = np.random.default_rng([step, 1])
        scenes = [self.train.draw(rng) for _ in range(self.batch_size)]
        share = 1.0 if step < self.stills_first else _STILL_SHARE
        selections, turns = self._select(scenes, self.train, rng, share)
        logits, labels, _, tokens = self._answer(scenes, self.train, selections, turns)
        naming = naming_loss(self.nano, tokens, named_tokens(self.train, scenes, selections))
        return F.cross_entropy(logits.float(), labels) + _NAMING_SHARE * naming

    def validate(self) -> dict[str, float]:
        """Share of exactly answered questions over the validation clips, by kind."""
        rng = np.random.default_rng(2)

        def answer(scenes: list[Scene]) -> tuple[Tensor, Tensor, PackedBatch]:
            selections, turns = self._select(scenes, self.held, rng, _STILL_SHARE)
            return self._answer(scenes, self.held, selections, turns)[:3]

        return _accuracy(self.held, answer)

    def _select(
        self,
        scenes: list[Scene],
        bank: ClipBank,
        rng: np.random.Generator,
        still_share: float,
    ) -> tuple[list[Selection], list[Sequence[Turn]]]:
        """Draw what is shown of every scene, and what is asked about it."""
        selections: list[Selection] = []
        turns: list[Sequence[Turn]] = []
        for scene in scenes:
            if rng.random() < still_share:
                frame = int(rng.integers(NUM_FRAMES))
                fraction = float(frame_fractions()[frame])
                selections.append(whole_still(frame, bank.num_cells))
                turns.append(bank.still_turns(scene, fraction, self.turns_per_clip, rng))
            else:
                cover = bank.cover(scene)
                selections.append(storyboard(cover, scene.num_things, self.num_tokens, rng))
                turns.append(bank.turns(scene, self.turns_per_clip, rng))
        return selections, turns

    def _answer(
        self,
        scenes: list[Scene],
        bank: ClipBank,
        selections: list[Selection],
        turns: list[Sequence[Turn]],
    ) -> tuple[Tensor, Tensor, PackedBatch, Tensor]:
        batch = _to(pack(self.nano, [len(s.first) for s in selections], turns), self.nano.device)
        tokens = torch.cat(
            [
                self._blend(bank, scene, chosen)
                for scene, chosen in zip(scenes, selections, strict=True)
            ]
        )
        logits, labels = answer_logits(self.nano, batch, tokens)
        return logits, labels, batch, tokens

    def _blend(self, bank: ClipBank, scene: Scene, chosen: Selection) -> Tensor:
        """Project the chosen source tokens and mix them in pairs: (K, D)."""
        features = torch.from_numpy(bank.features(scene).reshape(-1, bank.num_channels))
        sources = np.concatenate([chosen.first, chosen.second])
        cells = torch.from_numpy(sources % bank.num_cells)
        picked = features[torch.from_numpy(sources)].to(self.nano.device).float()
        model = self.nano.model
        projected = model.projector((picked - model.feature_mean) / model.feature_std)
        first, second = (projected + model.positions[cells]).chunk(2)
        share = torch.from_numpy(chosen.share).to(first)[:, None]
        blended: Tensor = share * first + (1 - share) * second
        return blended


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

    def trained_modules(self) -> Sequence[tuple[str, nn.Module]]:
        """LinVT."""
        return [("linvt", self.linvt)]

    def loss(self, step: int) -> Tensor:
        """Cross-entropy of the answers of one batch."""
        rng = np.random.default_rng([step, 3 if self.kinds is None else 4])
        scenes = [self.train.draw(rng) for _ in range(self.batch_size)]
        logits, labels, _ = self._answer(scenes, self.train, rng)
        return F.cross_entropy(logits.float(), labels)

    def validate(self) -> dict[str, float]:
        """Share of exactly answered questions over the validation clips, by kind."""
        rng = np.random.default_rng(5)
        return _accuracy(self.held, lambda scenes: self._answer(scenes, self.held, rng))

    def _answer(
        self, scenes: list[Scene], bank: ClipBank, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor, PackedBatch]:
        turns = [
            [turn] for s in scenes for turn in bank.turns(s, self.turns_per_clip, rng, self.kinds)
        ]
        if len(turns) != len(scenes) * self.turns_per_clip:
            raise ValueError("Every clip of a batch must have the same number of questions")
        num_tokens = self.linvt.num_video_tokens
        batch = _to(pack(self.nano, [num_tokens] * len(turns), turns), self.nano.device)
        visual = torch.stack([bank.visual_tokens(scene) for scene in scenes])
        tokens = self._condense(visual.to(self.nano.device).float(), turns)
        logits, labels = answer_logits(self.nano, batch, tokens.flatten(0, 1))
        return logits, labels, batch

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
        bank.keep_visual_tokens(
            lambda features: nano.model.project(features.to(nano.device).float()).cpu().half()
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


def _to(batch: PackedBatch, device: torch.device) -> PackedBatch:
    return replace(
        batch,
        ids=batch.ids.to(device),
        is_video=batch.is_video.to(device),
        positions=batch.positions.to(device),
        mask=batch.mask.to(device),
        labels=batch.labels.to(device),
        turn_of=batch.turn_of.to(device),
    )


def _accuracy(
    bank: ClipBank,
    answer: Callable[[list[Scene]], tuple[Tensor, Tensor, PackedBatch]],
) -> dict[str, float]:
    right: dict[str, int] = {}
    total: dict[str, int] = {}
    scenes = bank.all_scenes()
    for start in range(0, len(scenes), _VALIDATION_BATCH):
        logits, labels, batch = answer(scenes[start : start + _VALIDATION_BATCH])
        for kind, (exact, count) in count_exact(batch, logits, labels).items():
            right[kind] = right.get(kind, 0) + exact
            total[kind] = total.get(kind, 0) + count
    accuracy = {kind: right[kind] / total[kind] for kind in sorted(total)}
    return {"all": sum(right.values()) / max(1, sum(total.values())), **accuracy}
