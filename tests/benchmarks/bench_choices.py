"""How often `--choices` picks the right answer, beside what the model says in its own words.

Questions of fresh clips of nano's test split whose answers are few: colours, directions, numbers,
yes and no. Each is asked twice, once free and once with the answers of its kind as choices. Printed
are both shares of right answers, by kind and together, and how many questions either way alone has
right; then, by how much the probabilities of a question miss a sum of 1, and how far they are from
those of scoring each choice by itself, at most. Usage:
python tests/benchmarks/bench_choices.py [--clips N] [--first SEED]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from linvt_cli.generation.choices import score_choices
from linvt_cli.pipeline import VideoQA, WatchedVideo
from linvt_cli.training.demo import write_clip
from linvt_cli.training.questions import Question, ask_about, normalize_answer
from linvt_cli.training.vocabulary import COLOURS, HEADINGS, NUMBER_WORDS, SIDES
from linvt_cli.training.world import make_clip

FIRST = 5_000_000  # seeds that neither the evaluation nor the timelines use


def choices_of(question: Question) -> tuple[str, ...]:
    """Return the answers that questions of a kind have; none where they have many."""
    match question.kind:
        case "colour":
            return tuple(colour.capitalize() for colour in COLOURS)
        case "count":
            return tuple(word.capitalize() for word in NUMBER_WORDS)
        case "exists" | "leaves" | "does":
            return "Yes", "No"
        case "direction":
            first = question.answer.split()[0]
            if first in ("From", "To"):
                return tuple(f"{first} the {side}" for side in SIDES)
            return tuple(heading.capitalize() for heading in HEADINGS)
    return ()


class Count:
    """What was counted over all questions."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.free: Counter[str] = Counter()
        self.chosen: Counter[str] = Counter()
        self.free_alone = 0
        self.chosen_alone = 0
        self.off_one = 0.0
        self.apart = 0.0

    def add(self, kind: str, *, free: bool, chosen: bool) -> None:
        """Count a question."""
        for name in (kind, "all"):
            self.asked[name] += 1
            self.free[name] += free
            self.chosen[name] += chosen
        self.free_alone += free and not chosen
        self.chosen_alone += chosen and not free

    def report(self) -> str:
        """Return all figures."""
        lines = [
            f"{kind:10} {asked:4} questions: free text {self.free[kind]}, choices"
            f" {self.chosen[kind]}"
            for kind, asked in sorted(self.asked.items(), key=lambda each: each[0] == "all")
        ]
        return "\n".join(
            (
                *lines,
                f"right by free text alone {self.free_alone}, by choices alone {self.chosen_alone}",
                f"sums of probabilities differ from 1 by {self.off_one:.1e} at most",
                f"probabilities differ from those of each choice by itself by {self.apart:.1e}"
                " at most",
            )
        )


def one_by_one(
    qa: VideoQA, watched: WatchedVideo, question: str, choices: Sequence[str]
) -> list[float]:
    """Return the probabilities of choices, each scored in a run of its own.

    A run needs no other choice to say how likely one is beside a fixed text, and what is left of
    that text in the end is a common factor.
    """
    beside = "Yes" if "Yes" not in choices else "Red"
    prompt = qa.assemble(watched, qa.condense(watched, question), question)
    odds = []
    for choice in choices:
        scored = score_choices(qa.backbone, prompt, (choice, beside)).choices
        odds.append(scored[0].probability / scored[1].probability)
    return [each / sum(odds) for each in odds]


def ask(qa: VideoQA, watched: WatchedVideo, question: Question, count: Count) -> None:
    """Ask a question both ways."""
    choices = choices_of(question)
    if not choices:
        return
    assert normalize_answer(question.answer) in map(normalize_answer, choices), question
    free = qa.ask(watched, question.text).text
    chosen = qa.choose(watched, question.text, choices)
    count.add(
        question.kind,
        free=normalize_answer(free) == normalize_answer(question.answer),
        chosen=normalize_answer(chosen.text) == normalize_answer(question.answer),
    )
    assert chosen.choices is not None
    together = [choice.probability for choice in chosen.choices]
    count.off_one = max(count.off_one, abs(sum(together) - 1))
    apart = one_by_one(qa, watched, question.text, choices)
    count.apart = max(count.apart, *(abs(a - b) for a, b in zip(together, apart, strict=True)))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--first", type=int, default=FIRST)
    wanted = parser.parse_args()
    qa = VideoQA.load("nano", device="cpu")
    count = Count()
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        path = Path(folder) / "clip.mp4"
        for seed in range(wanted.first, wanted.first + wanted.clips):
            clip = make_clip(seed, "test")
            write_clip(path, clip)
            watched = qa.watch(path)
            for question in ask_about(clip, np.random.default_rng([seed, 13])):
                ask(qa, watched, question, count)
            sys.stderr.write(f"\r\x1b[2K{seed - wanted.first + 1} of {wanted.clips} clips")
    sys.stderr.write("\r\x1b[2K")
    print(count.report())


if __name__ == "__main__":
    main()
