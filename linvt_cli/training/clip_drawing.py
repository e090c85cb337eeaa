"""What steps of LinVT are made from, without a model: which clips, which questions.

All of it is arrays and follows from the number of the step, so it can be drawn ahead by other
processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linvt_cli.training.coverage import places, things_to_cover
from linvt_cli.training.examples import ClipBank, Scene
from linvt_cli.training.narration import histories_of_things, narration_labels
from linvt_cli.training.packing import Layout, Turn, lay_out
from linvt_cli.training.readers import WordLabels, label_words

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class DrawnClips:
    """B clips and X questions about them, as many about each, clip by clip."""

    step: int
    rows: Array  # (B, T, N) rows of the features in the bank
    cover: Array  # (B, T, MAX_THINGS, N) the places of things, as ``coverage.places`` gives them
    question_ids: Array  # (X, L) of the questions alone
    question_mask: Array  # (X, L) False for padding


@dataclass(frozen=True, slots=True)
class DrawnQuestions:
    """A batch of LinVT's stage."""

    clips: DrawnClips
    layout: Layout
    covered: Array  # (B, T, MAX_THINGS) which things need a token in which frame
    narration: Array  # (X · K, 7) what has happened by each video token
    histories: Array  # (X, MAX_THINGS, 6) what each thing does
    known: WordLabels


@dataclass(frozen=True, slots=True)
class ClipDrawing:
    """Draws batches of clips with questions that nobody answers, each from its step alone."""

    bank: ClipBank
    batch_size: int
    seed: int

    def __call__(self, step: int) -> DrawnClips:
        """Draw the batch of one step."""
        rng = np.random.default_rng([step, self.seed])
        scenes = [self.bank.draw(rng) for _ in range(self.batch_size)]
        return self.ask(scenes, rng, step=step)

    def ask(
        self, scenes: Sequence[Scene], rng: np.random.Generator, *, step: int = 0
    ) -> DrawnClips:
        """Draw a question about each of some scenes."""
        turns = [turn for scene in scenes for turn in self.bank.turns(scene, 1, rng)]
        return _clips(self.bank, scenes, turns, step)


@dataclass(frozen=True, slots=True)
class QuestionDrawing:
    """Draws the batches of LinVT's stage, each from its step alone.

    Args:
        bank: the clips.
        batch_size: clips.
        turns_per_clip: questions about each, every one for a sequence of its own.
        frames: where each of the K video tokens starts to look.
        seed: of what is drawn.
    """

    bank: ClipBank
    batch_size: int
    turns_per_clip: int
    frames: Array
    seed: int

    def __call__(self, step: int) -> DrawnQuestions:
        """Draw the batch of one step."""
        rng = np.random.default_rng([step, self.seed])
        scenes = [self.bank.draw(rng) for _ in range(self.batch_size)]
        return self.ask(scenes, rng, step=step)

    def ask(
        self, scenes: Sequence[Scene], rng: np.random.Generator, *, step: int = 0
    ) -> DrawnQuestions:
        """Draw what is asked about scenes, and say what must be known of it."""
        each = self.turns_per_clip
        turns = [[turn] for scene in scenes for turn in self.bank.turns(scene, each, rng)]
        asked = [scene for scene in scenes for _ in range(each)]
        text = self.bank.text
        layout = lay_out(text, [len(self.frames)] * len(turns), turns)
        narration = narration_labels(scenes, [self.frames] * len(scenes), self.bank.num_frames)
        by_scene = narration.reshape(len(scenes), len(self.frames), -1).repeat(each, axis=0)
        return DrawnQuestions(
            clips=_clips(self.bank, scenes, [turn for (turn,) in turns], step),
            layout=layout,
            covered=np.stack(
                [
                    things_to_cover(scene.clip, self.bank.num_frames, len(self.frames))
                    for scene in scenes
                ]
            ),
            narration=by_scene.reshape(-1, narration.shape[-1]),
            histories=histories_of_things(scenes).repeat(each, axis=0),
            known=label_words(
                text, layout, asked, turns, [None] * len(asked), self.bank.num_frames
            ),  # none is a still
        )


def question_arrays(turns: Sequence[Turn]) -> tuple[Array, Array]:
    """Ids of the questions alone, padded to one length, with their mask: (X, L), (X, L)."""
    questions = [turn.suffix[1:-1] for turn in turns]  # between </video> and <answer>
    ids = np.zeros((len(questions), max(map(len, questions))), np.int64)
    mask = np.zeros(ids.shape, bool)
    for row, question in enumerate(questions):
        ids[row, : len(question)] = question
        mask[row, : len(question)] = True
    return ids, mask


def _clips(bank: ClipBank, scenes: Sequence[Scene], turns: Sequence[Turn], step: int) -> DrawnClips:
    return DrawnClips(
        step,
        np.stack([bank.rows(scene) for scene in scenes]),
        np.stack([places(bank, scene) for scene in scenes]),
        *question_arrays(turns),
    )
