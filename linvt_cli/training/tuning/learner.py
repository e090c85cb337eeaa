"""The module that learns: from the visual tokens of videos and lessons about them to a loss.

Videos go through LinVT one by one, whatever their shapes, so none sees another's padding. Prompts
are put together by the very functions that ``VideoPrompter`` calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from linvt_cli.backbones.base import TunableBackbone
from linvt_cli.generation.prompt import assemble
from linvt_cli.pipeline.prompter import embed_asked
from linvt_cli.pipeline.watched import place_tokens
from linvt_cli.training.tuning.lessons import Lesson
from linvt_cli.training.tuning.rows import Row, read_rows
from linvt_cli.types import VisualFeatures
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer


@dataclass(frozen=True, slots=True)
class Study:
    """Lessons about one video."""

    features: VisualFeatures
    lessons: tuple[Lesson, ...]
    weight: float = 1.0  # of each token's cross-entropy

    def weighing(self, weight: float) -> Study:
        """Return it with another weight."""
        return replace(self, weight=weight)

    @property
    def num_answer_tokens(self) -> int:
        """How many tokens are learnt."""
        return sum(len(lesson.answer_ids) for lesson in self.lessons)


class Learner(nn.Module):
    """LinVT and, where it learns too, the language model; all else of the backbone is frozen.

    Args:
        backbone: the image-LLM; no weight of it takes a gradient but those of a LoRA.
        linvt: condenses its visual tokens.
    """

    def __init__(self, backbone: TunableBackbone, linvt: LinearVideoTokenizer) -> None:
        super().__init__()
        self.backbone = backbone
        self.linvt = linvt
        self.language_model: nn.Module | None = None

    def add_language_model(self) -> None:
        """Make the language model, which has got a LoRA, a part of what learns."""
        self.language_model = self.backbone.decoder()

    def learnt(self) -> dict[str, nn.Parameter]:
        """Return the weights that are changed, by name."""
        return {name: weight for name, weight in self.named_parameters() if weight.requires_grad}

    def forward(self, studies: Sequence[Study]) -> Tensor:
        """Return the weighted sum of the cross-entropies of all answer tokens.

        Every learnt weight takes part, with a gradient of zero where it plays no role: processes
        that average their gradients need one of each.
        """
        nothing = torch.stack([weight.sum() for weight in self.learnt().values()]).sum() * 0.0
        rows = [row for study in studies for row in self.rows(study)]
        return nothing + read_rows(self.backbone, rows) if rows else nothing

    def rows(self, study: Study) -> Iterator[Row]:
        """Put a video in front of each of its lessons, as inference does, differentiably."""
        backbone, features = self.backbone, study.features
        texts = [embed_asked(backbone, lesson.question, lesson.history) for lesson in study.lessons]
        condensed = self.linvt.weigh(features, texts)
        for lesson, video_tokens in zip(study.lessons, condensed, strict=True):
            prompt = assemble(
                backbone,
                video_tokens.tokens,
                lesson.question,
                place_tokens(video_tokens, features.grid, self.linvt.position_layout),
                lesson.history,
            )
            yield Row(prompt, lesson.answer_ids, study.weight)


def cut(studies: Sequence[Study], most: int) -> Iterator[tuple[Study, ...]]:
    """Cut studies into groups of few lessons each, so that what is read at once is bounded.

    Yields:
        One group at the least, which is empty where there is nothing to learn.
    """
    group: list[Study] = []
    room = most
    for study in studies:
        lessons = study.lessons
        while lessons:
            taken, lessons = lessons[:room], lessons[room:]
            group.append(Study(study.features, taken, study.weight))
            room -= len(taken)
            if room == 0:
                yield tuple(group)
                group, room = [], most
    if group or not any(study.lessons for study in studies):
        yield tuple(group)
