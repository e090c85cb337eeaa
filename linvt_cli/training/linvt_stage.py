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
from linvt_cli.training.clip_drawing import (
    DrawnClips,
    DrawnQuestions,
    QuestionDrawing,
    question_arrays,
)
from linvt_cli.training.coverage import (
    cells_that_show,
    coverage_loss,
    things_in_sight,
    token_shares,
    tokens_of_things,
)
from linvt_cli.training.examples import ClipBank, Scene
from linvt_cli.training.features import at_once, frame_fractions
from linvt_cli.training.noise import disturb, disturb_each
from linvt_cli.training.packing import PackedBatch, Reading, Turn, read_batch
from linvt_cli.training.readers import Readers
from linvt_cli.training.validation import count_by_kind, scene_groups, shares_of
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
        self.turns_per_clip = turns_per_clip
        self.learning_rate = learning_rate
        anchors = np.sort(initial_anchors(linvt.config.num_queries))
        self.drawing = QuestionDrawing(
            train,
            batch_size=batch_size,
            turns_per_clip=turns_per_clip,
            frames=(anchors * train.num_frames).astype(int),
            seed=seed,
        )
        nano.model.requires_grad_(False)
        self.readers = None if readers is None else readers.requires_grad_(False)
        self._generator = torch.Generator(nano.device)
        self._held: list[DrawnQuestions] | None = None  # validation asks the same every time

    def trained_modules(self) -> Sequence[tuple[str, nn.Module]]:
        """LinVT."""
        return [("linvt", self.linvt)]

    def loss(self, step: int) -> Tensor:
        """The loss of the batch of one step."""
        return self.loss_of(self.drawing(step))

    def loss_of(self, drawn: DrawnQuestions) -> Tensor:
        """Cross-entropy of the answers of one batch, with the losses that help to learn them."""
        self._generator.manual_seed(drawn.clips.step)
        weighed, reading, batch = self._read(drawn, self.train, self._generator)
        shown = cells_that_show(self._put(drawn.clips.cover))
        shown = _each(shown, self.turns_per_clip)
        shares = token_shares(weighed.weights, weighed.kept.indices, shown)
        answers = F.cross_entropy(reading.logits.float(), reading.labels)
        wanted = things_in_sight(shown) & _each(self._put(drawn.covered), self.turns_per_clip)
        answers = answers + _COVERAGE_WEIGHT * coverage_loss(shares, wanted)
        if self.readers is None:
            return answers
        states = [hidden[batch.is_video] for hidden in reading.states]
        told = self.readers.narrator.loss(states, self._put(drawn.narration))
        rows, sequences, things = tokens_of_things(shares)
        histories = self._put(drawn.histories)[sequences, things]
        own = self.readers.narrator.own_loss(states, rows, histories)
        found = self.readers.loss_of_labels(reading, drawn.known)
        return answers + _NARRATION_WEIGHT * told + _OWN_WEIGHT * own + found

    def validate(self) -> dict[str, float]:
        """Share of exactly answered questions over the validation clips, by kind."""
        if self._held is None:
            rng, drawing = np.random.default_rng(5), replace(self.drawing, bank=self.held)
            self._held = [drawing.ask(scenes, rng) for scenes in scene_groups(self.held)]
        readings = (self._read(drawn, self.held, None)[1:] for drawn in self._held)
        return shares_of(count_by_kind(readings))

    def _put(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self.nano.device)

    def _read(
        self, drawn: DrawnQuestions, bank: ClipBank, noise: torch.Generator | None
    ) -> tuple[Weighed, Reading, PackedBatch]:
        batch = drawn.layout.batch(self.nano.device)
        weighed = condense_drawn(self.nano, self.linvt, bank, drawn.clips, noise)
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
    return _weigh(nano, linvt, visual_BTND, *encode_questions(nano, turns))


def condense_drawn(
    nano: Nano,
    linvt: LinearVideoTokenizer,
    bank: ClipBank,
    drawn: DrawnClips,
    noise: torch.Generator | None,
) -> Weighed:
    """Project the features of drawn clips, and condense them for the questions drawn with them."""
    visual_BTND = _project(nano, bank, drawn.rows, noise)
    return _weigh(nano, linvt, visual_BTND, *_embed(nano, drawn.question_ids, drawn.question_mask))


def _weigh(
    nano: Nano,
    linvt: LinearVideoTokenizer,
    visual_BTND: Tensor,
    text_XLD: Tensor,
    text_mask_XL: Tensor,
) -> Weighed:
    fractions = torch.from_numpy(frame_fractions(visual_BTND.shape[1]))
    times = fractions.to(visual_BTND).expand(len(visual_BTND), -1)
    kept = linvt.refiner(visual_BTND, times, nano.model.config.grid)
    kept = repeat_kept(kept, len(text_XLD) // len(visual_BTND))
    weights = linvt.aggregator(kept, text_XLD, text_mask_XL)
    return Weighed(kept, weights, weights @ kept.values)


def project_clips(
    nano: Nano, bank: ClipBank, scenes: Sequence[Scene], noise: torch.Generator | None
) -> Tensor:
    """Project the features of scenes, disturbed where noise is to be drawn: (B, T, N, D)."""
    return _project(nano, bank, np.stack([bank.rows(scene) for scene in scenes]), noise)


@torch.no_grad()
def _project(
    nano: Nano, bank: ClipBank, rows_BTN: np.ndarray, noise: torch.Generator | None
) -> Tensor:
    model = nano.model
    features_BTNC = bank.read(rows_BTN, nano.device).float()
    if at_once(nano.device) and (noise is None or noise.device.type == nano.device.type):
        normal = (features_BTNC - model.feature_mean) / model.feature_std
        if noise is not None:
            clips = torch.arange(len(normal), device=normal.device)
            clips = clips.repeat_interleave(normal[0, ..., 0].numel())
            flat = disturb_each(normal.flatten(0, 2), clips, len(normal), noise)
            normal = flat.view_as(normal)
        visual_BTND: Tensor = model.projector(normal) + model.positions
        return visual_BTND
    projected = []
    for features_TNC in features_BTNC:
        normal = (features_TNC - model.feature_mean) / model.feature_std
        if noise is not None:
            normal = disturb(normal, noise)
        projected.append(model.projector(normal) + model.positions)
    return torch.stack(projected)


def encode_questions(nano: Nano, turns: Sequence[Turn]) -> tuple[Tensor, Tensor]:
    """Embeddings of the questions alone with their mask: (B, L, D), (B, L)."""
    return _embed(nano, *question_arrays(turns))


def _embed(nano: Nano, ids: np.ndarray, mask: np.ndarray) -> tuple[Tensor, Tensor]:
    table = nano.model.language_model.get_input_embeddings()
    on_device = [torch.from_numpy(array).to(nano.device) for array in (ids, mask)]
    return table(on_device[0]), on_device[1]


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
