"""The first trained part of nano's recipe: the image-LLM, on stills and storyboards.

Projector and language model learn; the vision encoder is frozen throughout.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from linvt_cli.backbones.nano import Nano
from linvt_cli.training.examples import ClipBank, Scene
from linvt_cli.training.features import NUM_FRAMES, frame_fractions
from linvt_cli.training.mentions import shown_still
from linvt_cli.training.naming import ShownThing, naming_loss, shown_things
from linvt_cli.training.narration import narration_labels
from linvt_cli.training.noise import disturb
from linvt_cli.training.packing import IGNORED, PackedBatch, Reading, Turn, fit, pack, read_batch
from linvt_cli.training.readers import Readers
from linvt_cli.training.storyboard import Selection, storyboard, whole_still
from linvt_cli.training.validation import accuracy_by_kind

_MOST_TURNS = 16  # of one sequence; more have no room, short as they may be
_STILL_SHARE = 0.25  # of the scenes, in the end
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
        learning_rate: float = 1.5e-3,
        stills_first: int = 0,
        mixing: int = 0,
        seed: int = 1,
        readers: Readers | None = None,
    ) -> None:
        self.nano = nano
        self.readers = readers or Readers(nano.embed_dim).to(nano.device)
        self.train = train
        self.held = validation
        self.num_steps = num_steps
        self.num_tokens = num_tokens
        self.batch_size = batch_size
        self.sequence_length = sequence_length  # of video, questions and answers
        self.learning_rate = learning_rate
        self.stills_first = stills_first  # steps that show whole stills only
        self.mixing = mixing  # steps after them, in which storyboards come in
        self.seed = seed  # of what is drawn
        nano.model.vision.requires_grad_(False)
        self._generator = torch.Generator()

    def trained_modules(self) -> Sequence[tuple[str, nn.Module]]:
        """Everything of nano, whose frozen vision encoder has no gradients, and the readers."""
        return [("nano", self.nano.model), *self.readers.named_children()]

    def loss(self, step: int) -> Tensor:
        """Cross-entropy of the answers of one batch, with the losses that help to learn them."""
        rng = np.random.default_rng([step, self.seed])
        self._generator.manual_seed(step)
        scenes = [self.train.draw(rng) for _ in range(self.batch_size)]
        selections, turns = self._select(scenes, self.train, rng, self.still_share(step))
        tokens, reading, batch = self._read(scenes, self.train, selections, turns)
        shown = shown_things(self.train, scenes, selections)
        naming = naming_loss(self.nano, tokens, shown)
        sized = self.readers.sizes.loss(tokens, shown)
        frames = [chosen.first // self.train.num_cells for chosen in selections]
        told = self._narration(scenes, frames, shown, reading, batch)
        stills = [shown_still(of_token) for of_token in frames]
        answers = F.cross_entropy(reading.logits.float(), reading.labels)
        seen = _NAMING_WEIGHT * naming + _SIZE_WEIGHT * sized
        found = self.readers.loss_of_words(self.nano, reading, batch, scenes, turns, stills)
        return answers + seen + _NARRATION_WEIGHT * told + found

    def _narration(
        self,
        scenes: list[Scene],
        frames: list[np.ndarray],
        shown: list[ShownThing],
        reading: Reading,
        batch: PackedBatch,
    ) -> Tensor:
        """Both narration losses of the storyboards; a whole still tells nothing of events."""
        labels = narration_labels(scenes, frames)
        moves_on = np.concatenate([np.full(len(f), shown_still(f) is None) for f in frames])
        labels[torch.from_numpy(~moves_on)] = IGNORED
        telling = [one for one in shown if moves_on[one.row]]
        states = [hidden[batch.is_video] for hidden in reading.states]
        return self.readers.narrator.loss(states, labels.to(self.nano.device)) + (
            self.readers.narrator.own_loss(states, telling)
        )

    def still_share(self, step: int) -> float:
        """Share of scenes that are shown as one still: all at first, then ever fewer."""
        progress = (step - self.stills_first) / max(1, self.mixing)
        return 1.0 - (1.0 - _STILL_SHARE) * min(1.0, max(0.0, progress))

    def validate(self) -> dict[str, float]:
        """Share of exactly answered questions over the validation clips, by kind."""
        rng = np.random.default_rng(2)

        def read(scenes: list[Scene]) -> tuple[Reading, PackedBatch]:
            selections, turns = self._select(scenes, self.held, rng, _STILL_SHARE)
            return self._read(scenes, self.held, selections, turns)[1:]

        return accuracy_by_kind(self.held, read)

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
                asked = bank.still_turns(scene, fraction, _MOST_TURNS, rng)
            else:
                cover = bank.cover(scene)
                selections.append(storyboard(cover, scene.num_things, self.num_tokens, rng))
                asked = bank.turns(scene, _MOST_TURNS, rng)
            turns.append(fit(asked, self.sequence_length - len(selections[-1].first)))
        return selections, turns

    def _read(
        self,
        scenes: list[Scene],
        bank: ClipBank,
        selections: list[Selection],
        turns: list[Sequence[Turn]],
    ) -> tuple[Tensor, Reading, PackedBatch]:
        batch = pack(self.nano, [len(s.first) for s in selections], turns).to(self.nano.device)
        tokens = torch.cat(
            [
                self._blend(bank, scene, chosen)
                for scene, chosen in zip(scenes, selections, strict=True)
            ]
        )
        return tokens, read_batch(self.nano, batch, tokens), batch

    def _blend(self, bank: ClipBank, scene: Scene, chosen: Selection) -> Tensor:
        """Project the chosen source tokens and mix them in pairs: (K, D)."""
        features = torch.from_numpy(bank.features(scene).reshape(-1, bank.num_channels))
        sources = np.concatenate([chosen.first, chosen.second])
        cells = torch.from_numpy(sources % bank.num_cells)
        picked = features[torch.from_numpy(sources)].to(self.nano.device).float()
        model = self.nano.model
        normal = (picked - model.feature_mean) / model.feature_std
        if self.readers.training:
            normal = disturb(normal, self._generator)
        projected = model.projector(normal)
        first, second = (projected + model.positions[cells]).chunk(2)
        share = torch.from_numpy(chosen.share).to(first)[:, None]
        blended: Tensor = share * first + (1 - share) * second
        return blended
