"""Scores of exact answers, with their uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from linvt_cli.evaluation.bootstrap import estimate


@dataclass(slots=True)
class Tally:
    """Answers, each right or wrong and about one clip."""

    answers: list[bool] = field(default_factory=list)  # whether each is right
    clips: list[str] = field(default_factory=list)  # that they are about

    @property
    def right(self) -> int:
        """How many answers are right."""
        return sum(self.answers)

    @property
    def total(self) -> int:
        """How many answers there are."""
        return len(self.answers)

    @property
    def accuracy(self) -> float:
        """Share of right answers in [0, 1]; NaN where there are none."""
        return self.right / self.total if self.total else math.nan

    def add(self, right: bool, *, clip: str) -> None:
        """Add one answer."""
        self.answers.append(right)
        self.clips.append(clip)

    def merged(self, other: Tally) -> Tally:
        """Return the tally over the answers of both."""
        return Tally(self.answers + other.answers, self.clips + other.clips)

    def interval(self) -> tuple[float, float]:
        """95 % interval of the accuracy, from resampled clips; NaN where there are no answers."""
        found = estimate(self.answers, self.clips)
        return found.low, found.high
