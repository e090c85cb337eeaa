"""The last trained part of nano's recipe: LinVT and the language model together.

Up to here the language model has read visual tokens and pairs of them, never what LinVT makes. So
it learns along, as in the second stage of arXiv 2412.05185 §3 (there by LoRA, here whole, as it is
small). Vision encoder and projector stay as they are. Every few steps are steps of the image stage,
so that pictures and tokens that LinVT has not touched are read as well as before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from linvt_cli.training.clip_drawing import DrawnQuestions, QuestionDrawing
from linvt_cli.training.image_drawing import DrawnPictures, PictureDrawing
from linvt_cli.training.image_stage import ImageStage
from linvt_cli.training.linvt_stage import LinVTStage

_IMAGE_EVERY = 4  # steps


@dataclass(frozen=True, slots=True)
class JointDrawing:
    """Draws the batch of one of the two stages."""

    questions: QuestionDrawing
    pictures: PictureDrawing

    def __call__(self, step: int) -> DrawnQuestions | DrawnPictures:
        """Draw the batch of one step."""
        shows_pictures = step % _IMAGE_EVERY == _IMAGE_EVERY - 1
        return self.pictures(step) if shows_pictures else self.questions(step)


class JointStage:
    """LinVT, the visual layers and the language model, on clips and now and then on storyboards.

    Args:
        linvt: how LinVT learns; its readers, where it has any, learn along.
        image: how the image-LLM learns, of the same nano.
        num_steps: of both together.
        learning_rate: of both.
    """

    name = "joint"

    def __init__(
        self, linvt: LinVTStage, image: ImageStage, *, num_steps: int, learning_rate: float = 6e-4
    ) -> None:
        self.linvt = linvt
        self.image = image
        self.num_steps = num_steps
        self.learning_rate = learning_rate
        self.drawing = JointDrawing(linvt.drawing, image.drawing)
        model = linvt.nano.model
        for module in (model.visual_layers, model.language_model, image.readers):
            module.requires_grad_(True)

    def trained_modules(self) -> Sequence[tuple[str, nn.Module]]:
        """LinVT, and what the image stage trains, whose frozen parts have no gradients."""
        return [*self.linvt.trained_modules(), *self.image.trained_modules()]

    def loss(self, step: int) -> Tensor:
        """The loss of the batch of one step."""
        return self.loss_of(self.drawing(step))

    def loss_of(self, drawn: DrawnQuestions | DrawnPictures) -> Tensor:
        """The loss of a batch of one of the two stages."""
        if isinstance(drawn, DrawnPictures):
            return self.image.loss_of(drawn)
        return self.linvt.loss_of(drawn)

    def validate(self) -> dict[str, float]:
        """Share of exactly answered questions over the validation clips, by kind, with LinVT."""
        return self.linvt.validate()
