from __future__ import annotations

import math

import pytest

from linvt_cli.evaluation.bootstrap import estimate
from linvt_cli.evaluation.metrics import Tally


def tally_of(*answers: bool, clips: str) -> Tally:
    return Tally(list(answers), list(clips))


def test_accuracy_is_the_share_of_right_answers() -> None:
    tally = Tally()
    for right, clip in zip((True, True, False), "aab", strict=True):
        tally.add(right, clip=clip)
    assert (tally.right, tally.total) == (2, 3)
    assert tally.accuracy == pytest.approx(2 / 3)
    assert tally.merged(tally_of(True, clips="c")) == tally_of(
        True, True, False, True, clips="aabc"
    )
    assert math.isnan(Tally().accuracy)


def test_merging_leaves_both_tallies_as_they_are() -> None:
    first, other = tally_of(True, clips="a"), tally_of(False, clips="b")
    first.merged(other).add(True, clip="c")
    assert (first.total, other.total) == (1, 1)


def test_clips_are_resampled_with_all_their_answers() -> None:
    """Wilson's interval stood here, of answers that know nothing of each other: half as wide."""
    right = [number % 3 > 0 for number in range(90) for _ in range(4)]
    together = Tally(right, [str(number // 4) for number in range(360)])
    low, high = together.interval()
    wilson = 2 * 1.96 * math.sqrt(2 / 9 / 360)
    assert high - low == pytest.approx(2 * wilson, rel=0.15)
    assert low < together.accuracy < high
    assert together.interval() == (low, high)
    found = estimate(together.answers, together.clips)
    assert (low, high) == (found.low, found.high)


def test_there_is_no_interval_of_nothing() -> None:
    assert all(math.isnan(end) for end in Tally().interval())
