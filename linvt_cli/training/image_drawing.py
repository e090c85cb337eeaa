"""What a step of the image stage is made from, without a model: which pictures, which questions.

All of it is arrays and follows from the number of the step, so it can be drawn ahead by other
processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linvt_cli.training.examples import ClipBank, Scene
from linvt_cli.training.features import frame_fractions
from linvt_cli.training.mentions import shown_still
from linvt_cli.training.naming import shown_things, sizes_of, words_of
from linvt_cli.training.narration import histories, narration_labels
from linvt_cli.training.packing import IGNORED, Layout, Turn, fit, lay_out
from linvt_cli.training.readers import WordLabels, label_words
from linvt_cli.training.storyboard import Selection, storyboard, whole_still

Array = np.ndarray[Any, Any]
_MOST_TURNS = 16  # of one sequence; more have no room, short as they may be
STILL_SHARE = 0.25  # of the scenes, in the end and in validation


@dataclass(frozen=True, slots=True)
class SourceTokens:
    """Where the S visual tokens of B pictures come from: blends of two source tokens each."""

    first: Array  # (S,) row of the features in the bank
    second: Array  # (S,)
    first_cells: Array  # (S,) where in its frame it stands
    second_cells: Array  # (S,)
    share: Array  # (S,) of the first
    counts: tuple[int, ...]  # (B,) how many tokens each picture has


@dataclass(frozen=True, slots=True)
class DrawnPictures:
    """A batch of the image stage."""

    step: int
    sources: SourceTokens
    layout: Layout
    words: Array  # (W, 2) words for what tokens show
    sized: tuple[Array, Array]  # tokens that show a thing, and its size
    narration: Array  # (S, 7) what has happened by each token
    histories: tuple[Array, Array]  # tokens that show a thing over time, and what it does
    known: WordLabels


@dataclass(frozen=True, slots=True)
class PictureDrawing:
    """Draws the batches of the image stage, each from its step alone.

    Args:
        bank: the clips.
        batch_size: pictures.
        num_tokens: of a storyboard.
        sequence_length: of video, questions and answers.
        stills_first: steps that show whole stills only.
        mixing: steps after them, in which storyboards come in.
        seed: of what is drawn.
        last_still_share: of the scenes, once storyboards are in.
    """

    bank: ClipBank
    batch_size: int
    num_tokens: int
    sequence_length: int
    stills_first: int
    mixing: int
    seed: int
    last_still_share: float = STILL_SHARE

    def __call__(self, step: int) -> DrawnPictures:
        """Draw the batch of one step."""
        rng = np.random.default_rng([step, self.seed])
        scenes = [self.bank.draw(rng) for _ in range(self.batch_size)]
        return self.ask(scenes, rng, self.still_share(step), step=step)

    def still_share(self, step: int) -> float:
        """Share of scenes that are shown as one still: all at first, then ever fewer."""
        progress = (step - self.stills_first) / max(1, self.mixing)
        return 1.0 - (1.0 - self.last_still_share) * min(1.0, max(0.0, progress))

    def ask(
        self, scenes: list[Scene], rng: np.random.Generator, still_share: float, *, step: int = 0
    ) -> DrawnPictures:
        """Draw what is shown of scenes and what is asked, and say what must be known of it."""
        selections, turns = self.select(scenes, rng, still_share)
        text = self.bank.text
        layout = lay_out(text, [len(chosen.first) for chosen in selections], turns)
        shown = shown_things(self.bank, scenes, selections)
        frames = [chosen.first // self.bank.num_cells for chosen in selections]
        stills = [shown_still(of_token) for of_token in frames]
        # A whole still tells nothing of events.
        moves_on = np.concatenate(
            [np.full(len(f), still is None) for f, still in zip(frames, stills, strict=True)]
        )
        narration = narration_labels(scenes, frames, self.bank.num_frames)
        narration[~moves_on] = IGNORED
        telling = [one for one in shown if moves_on[one.row]]
        return DrawnPictures(
            step=step,
            sources=self._sources(scenes, selections),
            layout=layout,
            words=words_of(text, shown),
            sized=sizes_of(shown),
            narration=narration,
            histories=(np.array([one.row for one in telling], np.int64), histories(telling)),
            known=label_words(text, layout, scenes, turns, stills, self.bank.num_frames),
        )

    def select(
        self, scenes: list[Scene], rng: np.random.Generator, still_share: float
    ) -> tuple[list[Selection], list[Sequence[Turn]]]:
        """Draw what is shown of every scene, and what is asked about it."""
        bank = self.bank
        selections: list[Selection] = []
        turns: list[Sequence[Turn]] = []
        for scene in scenes:
            if rng.random() < still_share:
                frame = int(rng.integers(bank.num_frames))
                fraction = float(frame_fractions(bank.num_frames)[frame])
                selections.append(whole_still(frame, bank.num_cells))
                asked = bank.still_turns(scene, fraction, _MOST_TURNS, rng)
            else:
                cover = bank.cover(scene)
                selections.append(storyboard(cover, scene.num_things, self.num_tokens, rng))
                asked = bank.turns(scene, _MOST_TURNS, rng)
            turns.append(fit(asked, self.sequence_length - len(selections[-1].first)))
        return selections, turns

    def _sources(self, scenes: list[Scene], selections: list[Selection]) -> SourceTokens:
        rows = [self.bank.rows(scene).ravel() for scene in scenes]
        first = [of[chosen.first] for of, chosen in zip(rows, selections, strict=True)]
        second = [of[chosen.second] for of, chosen in zip(rows, selections, strict=True)]
        return SourceTokens(
            first=np.concatenate(first),
            second=np.concatenate(second),
            first_cells=np.concatenate([s.first for s in selections]) % self.bank.num_cells,
            second_cells=np.concatenate([s.second for s in selections]) % self.bank.num_cells,
            share=np.concatenate([chosen.share for chosen in selections]),
            counts=tuple(len(chosen.first) for chosen in selections),
        )
