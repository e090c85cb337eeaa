"""The last trained parts of nano's recipe: LinVT and the language model together.

Up to here the language model has read visual tokens and pairs of them, never what LinVT makes. So
it learns along, as in the second stage of arXiv 2412.05185 §3 (there by LoRA, here whole, as it is
small). Vision encoder and projector stay as they are. Steps on usual clips, on busy ones, whose
events take the most telling, and on hard ones, longer and fuller, take turns with steps of the
image stage, so that pictures and tokens that LinVT has not touched are read as well as before. The
very last part is mostly about busy clips. A step on their storyboards asks 3.5 times as many
questions as one on what LinVT makes of them, so the order of many events is learnt there first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from linvt_cli.backbones.nano import Nano
from linvt_cli.training.banks import Banks
from linvt_cli.training.clip_drawing import DrawnQuestions, QuestionDrawing
from linvt_cli.training.examples import ClipBank
from linvt_cli.training.image_drawing import DrawnPictures, PictureDrawing
from linvt_cli.training.image_stage import ImageStage
from linvt_cli.training.linvt_stage import LinVTStage
from linvt_cli.training.readers import Readers
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer

Part = Literal["usual", "busy", "hard", "pictures", "busy pictures"]
Cycle = tuple[Part, ...]  # of the steps
MOSTLY_USUAL: Cycle = ("usual", "busy", "usual", "pictures", "usual", "hard")
MOSTLY_BUSY: Cycle = (
    "busy pictures",
    "busy",
    "busy pictures",
    "usual",
    "busy pictures",
    "busy",
    "pictures",
    "hard",
)
_HARD_TURNS = 6  # questions about a hard clip, of which a step has half as many


@dataclass(frozen=True, slots=True)
class JointBatch:
    """A batch of one of the parts."""

    part: Part
    drawn: DrawnQuestions | DrawnPictures


@dataclass(frozen=True, slots=True)
class JointDrawing:
    """Draws the batches of all parts in turn."""

    parts: Mapping[Part, QuestionDrawing | PictureDrawing]
    cycle: Cycle

    def __call__(self, step: int) -> JointBatch:
        """Draw the batch of one step."""
        part = self.cycle[step % len(self.cycle)]
        return JointBatch(part, self.parts[part](step))


class JointStage:
    """LinVT, the visual layers and the language model: on clips of all kinds, and on storyboards.

    Args:
        clips: how one LinVT learns from each kind of clips, always of the same nano and with the
            same readers, which learn along.
        images: how the image-LLM learns from stills and storyboards, of the same nano.
        cycle: the parts that take turns.
        name: of the stage.
        num_steps: of all together.
        learning_rate: of all.
        by_muon: whether the layers of the image-LLM learn by Muon, as those of the image stage do.
    """

    def __init__(
        self,
        clips: Mapping[Part, LinVTStage],
        images: Mapping[Part, ImageStage],
        *,
        cycle: Cycle,
        name: str,
        num_steps: int,
        learning_rate: float = 6e-4,
        by_muon: bool = False,
    ) -> None:
        self.clips = clips
        self.usual = clips["usual"]
        self.images = images
        self.image = images["pictures"]
        self.name = name
        self.num_steps = num_steps
        self.learning_rate = learning_rate
        self.by_muon = by_muon
        on_clips = {part: stage.drawing for part, stage in clips.items()}
        on_pictures = {part: stage.drawing for part, stage in images.items()}
        self.drawing = JointDrawing({**on_clips, **on_pictures}, cycle)
        model = self.usual.nano.model
        for module in (model.visual_layers, model.language_model, self.image.readers):
            module.requires_grad_(True)

    def trained_modules(self) -> Sequence[tuple[str, nn.Module]]:
        """LinVT, and what the image stage trains, whose frozen parts have no gradients."""
        return [*self.usual.trained_modules(), *self.image.trained_modules()]

    def hidden_layers(self) -> Sequence[nn.Module]:
        """The layers of the image-LLM, where they learn by Muon."""
        return self.image.hidden_layers() if self.by_muon else []

    def loss(self, step: int) -> Tensor:
        """The loss of the batch of one step."""
        return self.loss_of(self.drawing(step))

    def loss_of(self, batch: JointBatch) -> Tensor:
        """The loss of a batch of one of the parts."""
        if isinstance(batch.drawn, DrawnPictures):
            return self.images[batch.part].loss_of(batch.drawn)
        return self.clips[batch.part].loss_of(batch.drawn)

    def validate(self) -> dict[str, float]:
        """Share of exactly answered questions over the validation clips, by kind, with LinVT."""
        return {
            kind if stage is self.usual else f"{part} {kind}": share
            for part, stage in self.clips.items()
            for kind, share in stage.validate().items()
        }


def joint_stage(
    nano: Nano,
    linvt: LinearVideoTokenizer,
    banks: Banks,
    *,
    num_steps: int,
    name: str = "joint",
    cycle: Cycle = MOSTLY_USUAL,
    batch_size: int = 12,
    learning_rate: float = 6e-4,
    seed: int = 5,
    readers: Readers | None = None,
    by_muon: bool = False,
) -> JointStage:
    """Return a last stage of an image-LLM and its LinVT.

    Args:
        nano: the image-LLM.
        linvt: of that image-LLM.
        banks: what they learn from.
        num_steps: of all parts together.
        name: of the stage.
        cycle: the parts that take turns.
        batch_size: usual or busy clips a step; twice as many storyboards, half as many hard clips.
        learning_rate: of all parts.
        seed: of what is drawn.
        readers: heads that have learnt before; new ones otherwise.
        by_muon: whether the layers of the image-LLM learn by Muon.
    """
    image = ImageStage(
        nano,
        banks.train,
        banks.validation,
        num_steps=num_steps,
        num_tokens=linvt.num_video_tokens,
        batch_size=2 * batch_size,
        seed=seed + 1,
        readers=readers,
    )

    busy_pictures = ImageStage(
        nano,
        banks.busy,
        banks.busy_validation,
        num_steps=num_steps,
        num_tokens=linvt.num_video_tokens,
        batch_size=2 * batch_size,
        last_still_share=0,  # a still tells nothing of the order of events
        seed=seed + 2,
        readers=image.readers,
    )

    def on_clips(
        train: ClipBank, held: ClipBank, batch_size: int, turns_per_clip: int
    ) -> LinVTStage:
        return LinVTStage(
            nano,
            linvt,
            train,
            held,
            name="linvt",
            num_steps=num_steps,
            readers=image.readers,
            batch_size=batch_size,
            turns_per_clip=turns_per_clip,
            seed=seed,
        )

    half = (batch_size + 1) // 2
    clips: dict[Part, LinVTStage] = {
        "usual": on_clips(banks.train, banks.validation, batch_size, 4),
        "busy": on_clips(banks.busy, banks.busy_validation, batch_size, 4),
        "hard": on_clips(banks.hard, banks.hard_validation, half, _HARD_TURNS),
    }
    return JointStage(
        clips,
        {"pictures": image, "busy pictures": busy_pictures},
        cycle=cycle,
        name=name,
        num_steps=num_steps,
        learning_rate=learning_rate,
        by_muon=by_muon,
    )
