"""Scores of exact answers, with their uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of some answers are right."""

    right: int = 0
    total: int = 0

    @property
    def accuracy(self) -> float:
        """Share of right answers in [0, 1]; NaN where there are none."""
        return self.right / self.total if self.total else math.nan

    def plus(self, right: bool) -> Tally:
        """Return the tally with one more answer."""
        return Tally(self.right + right, self.total + 1)

    def merged(self, other: Tally) -> Tally:
        """Return the tally over the answers of both."""
        return Tally(self.right + other.right, self.total + other.total)

    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the accuracy; (0, 1) where there are no answers."""
        if not self.total:
            return 0.0, 1.0
        z = 1.959964
        n, share = self.total, self.accuracy
        centre = (share + z * z / (2 * n)) / (1 + z * z / n)
        half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return max(0.0, centre - half), min(1.0, centre + half)
