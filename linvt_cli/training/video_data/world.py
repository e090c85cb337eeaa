"""Clips of nano's world as video files, with questions and answers: data to try training with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from linvt_cli.errors import MachineError
from linvt_cli.training.demo import write_clip
from linvt_cli.training.questions import Question, ask_about
from linvt_cli.training.schedule import HARD, USUAL
from linvt_cli.training.vocabulary import Split
from linvt_cli.training.world import Clip, make_clip

CLIPS = "clips"
SOURCE = "nano-world"
_QUESTIONS = 21  # a stream of random numbers of its own


@dataclass(frozen=True, slots=True)
class WorldData:
    """Which clips, and how much is asked about each."""

    num_clips: int
    seed: int = 0  # of the first clip; those after it have the numbers that follow
    split: Split = "train"
    questions_per_clip: int = 4
    hard: bool = False  # longer clips with more things and events


def write_world(
    folder: Path, data: WorldData, *, redraw: bool = False
) -> Iterator[list[dict[str, Any]]]:
    """Make a folder for clips; then write one after the other, and yield the rows about each.

    A clip that is there is left as it is: files are put into place whole, so a run that was broken
    off can be made again and goes on where it stood.

    Args:
        folder: gets a folder ``clips``.
        data: which clips.
        redraw: whether clips that are there are drawn again.

    Raises:
        MachineError: if the folder cannot be made.
        VideoError: if a clip cannot be written.
    """
    clips = folder / CLIPS
    try:
        clips.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(
            f"'{clips}' cannot be made: {error.strerror}", hint="name another folder"
        ) from error
    return _write_clips(clips, data, redraw)


def _write_clips(clips: Path, data: WorldData, redraw: bool) -> Iterator[list[dict[str, Any]]]:
    for seed in range(data.seed, data.seed + data.num_clips):
        clip = make_clip(seed, data.split, HARD if data.hard else USUAL)
        name = f"{data.split}-hard" if data.hard else data.split
        path = clips / f"{name}-{seed:06}.mp4"
        if redraw or not path.exists():
            _write_whole(path, clip)
        rng = np.random.default_rng([seed, _QUESTIONS])
        asked = spread_over_kinds(ask_about(clip, rng), data.questions_per_clip, rng)
        yield [_row(f"{CLIPS}/{path.name}", question) for question in asked]


def spread_over_kinds(
    questions: list[Question], count: int, rng: np.random.Generator
) -> list[Question]:
    """Draw questions of as many kinds as there are, then further ones."""
    order = [questions[int(index)] for index in rng.permutation(len(questions))]
    seen: dict[str, int] = {}
    ranked = []
    for question in order:
        seen[question.kind] = seen.get(question.kind, 0) + 1
        ranked.append((seen[question.kind], question))
    ranked.sort(key=lambda pair: pair[0])
    return [question for _, question in ranked[:count]]


def _row(video: str, question: Question) -> dict[str, Any]:
    return {
        "video": video,
        "question": question.text,
        "answer": question.answer,
        "source": SOURCE,
        "kind": question.kind,
    }


def _write_whole(path: Path, clip: Clip) -> None:
    """Write a clip beside its place under another name, then move it there."""
    partial = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        write_clip(partial, clip)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
