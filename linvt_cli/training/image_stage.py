"""The first trained part of nano's recipe: the image-LLM, on stills and storyboards.

Projector and language model learn; the vision encoder is frozen throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from linvt_cli.backbones.nano import Nano
from linvt_cli.training.examples import ClipBank
from linvt_cli.training.features import at_once
from linvt_cli.training.image_drawing import (
    STILL_SHARE,
    DrawnPictures,
    PictureDrawing,
    SourceTokens,
)
from linvt_cli.training.naming import naming_loss
from linvt_cli.training.noise import disturb, disturb_each
from linvt_cli.training.packing import PackedBatch, Reading, read_batch
from linvt_cli.training.readers import Readers
from linvt_cli.training.validation import count_by_kind, scene_groups, shares_of

_NAMING_WEIGHT = 0.3  # in the loss, beside 1 for the answers
_SIZE_WEIGHT = 0.3
_NARRATION_WEIGHT = 0.5


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
        sequence_length: int = 240,
        learning_rate: float = 3e-3,
        stills_first: int = 0,
        mixing: int = 0,
        last_still_share: float = STILL_SHARE,
        seed: int = 1,
        readers: Readers | None = None,
    ) -> None:
        self.nano = nano
        self.readers = readers or Readers(nano.embed_dim).to(nano.device)
        self.train = train
        self.held = validation
        self.num_steps = num_steps
        self.learning_rate = learning_rate
        self.drawing = PictureDrawing(
            train,
            batch_size=batch_size,
            num_tokens=num_tokens,
            sequence_length=sequence_length,
            stills_first=stills_first,
            mixing=mixing,
            seed=seed,
            last_still_share=last_still_share,
        )
        nano.model.vision.requires_grad_(False)
        self._generator = torch.Generator(nano.device)
        self._held: list[DrawnPictures] | None = None  # validation asks the same every time

    def trained_modules(self) -> Sequence[tuple[str, nn.Module]]:
        """Everything of nano, whose frozen vision encoder has no gradients, and the readers."""
        return [("nano", self.nano.model), *self.readers.named_children()]

    def hidden_layers(self) -> Sequence[nn.Module]:
        """The layers of the image-LLM."""
        model = self.nano.model
        return [model.visual_layers.layers, model.language_model.model.layers]

    def loss(self, step: int) -> Tensor:
        """The loss of the batch of one step."""
        return self.loss_of(self.drawing(step))

    def loss_of(self, drawn: DrawnPictures) -> Tensor:
        """Cross-entropy of the answers of one batch, with the losses that help to learn them."""
        self._generator.manual_seed(drawn.step)
        tokens, reading, batch = self._read(drawn, self.train, self._generator)
        naming = naming_loss(self.nano, tokens, self._put(drawn.words))
        sized = self.readers.sizes.loss(tokens, *map(self._put, drawn.sized))
        states = [hidden[batch.is_video] for hidden in reading.states]
        told = self.readers.narrator.loss(states, self._put(drawn.narration)) + (
            self.readers.narrator.own_loss(states, *map(self._put, drawn.histories))
        )
        answers = F.cross_entropy(reading.logits.float(), reading.labels)
        seen = _NAMING_WEIGHT * naming + _SIZE_WEIGHT * sized
        found = self.readers.loss_of_labels(reading, drawn.known)
        return answers + seen + _NARRATION_WEIGHT * told + found

    def validate(self) -> dict[str, float]:
        """Share of exactly answered questions over the validation clips, by kind."""
        if self._held is None:
            rng, drawing = np.random.default_rng(2), replace(self.drawing, bank=self.held)
            self._held = [
                drawing.ask(scenes, rng, STILL_SHARE) for scenes in scene_groups(self.held)
            ]
        readings = (self._read(drawn, self.held, None)[1:] for drawn in self._held)
        return shares_of(count_by_kind(readings))

    def _put(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self.nano.device)

    def _read(
        self, drawn: DrawnPictures, bank: ClipBank, noise: torch.Generator | None
    ) -> tuple[Tensor, Reading, PackedBatch]:
        batch = drawn.layout.batch(self.nano.device)
        tokens = self._tokens(drawn.sources, bank, noise)
        return tokens, read_batch(self.nano, batch, tokens), batch

    def _tokens(
        self, sources: SourceTokens, bank: ClipBank, noise: torch.Generator | None
    ) -> Tensor:
        """Project source tokens and mix them in pairs: (S, D)."""
        features = [
            bank.read(rows, self.nano.device).float() for rows in (sources.first, sources.second)
        ]
        cells = [self._put(sources.first_cells), self._put(sources.second_cells)]
        share, counts = self._put(sources.share), list(sources.counts)
        if at_once(self.nano.device):
            clip_of = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
            normal = self._standardized(torch.cat(features))
            if noise is not None:
                clips = clip_of.repeat(2).to(normal.device)
                normal = disturb_each(normal, clips, len(counts), noise)
            return self._blend(normal, torch.cat(cells), share)
        parts = [torch.split(part, counts) for part in (*features, *cells, share)]
        pictures = zip(*parts, strict=True)
        tokens = []
        for first, second, first_cells, second_cells, of_first in pictures:
            normal = self._standardized(torch.cat([first, second]))
            if noise is not None:
                normal = disturb(normal, noise)
            tokens.append(self._blend(normal, torch.cat([first_cells, second_cells]), of_first))
        return torch.cat(tokens)

    def _standardized(self, features: Tensor) -> Tensor:
        return (features - self.nano.model.feature_mean) / self.nano.model.feature_std

    def _blend(self, normal: Tensor, cells: Tensor, share: Tensor) -> Tensor:
        """Project, and mix the first half of the tokens with the second: (2K, 768) -> (K, D)."""
        model = self.nano.model
        first, second = (model.projector(normal) + model.positions[cells]).chunk(2)
        share = share.to(first)[:, None]
        blended: Tensor = share * first + (1 - share) * second
        return blended
