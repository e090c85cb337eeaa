"""How sure a score is: resampled videos, and two runs over the same questions side by side.

Questions about one video are not independent, so videos are drawn, and differences flipped, each
with all its questions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 2000
FLIPS = 9999
_MOST_ENUMERATED = 13  # videos; of more, ways to flip are drawn
_CHUNK = 100  # draws at a time: bounds memory
_LEVEL = (2.5, 97.5)  # percent


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval; NaN where there is nothing to estimate."""

    value: float
    low: float
    high: float
    count: int


def estimate(
    scores: Sequence[float],
    videos: Sequence[str],
    groups: Sequence[str] | None = None,
    *,
    seed: int = 0,
) -> Estimate:
    """Return the mean of scores, or the mean of the means of groups, with its interval.

    Args:
        scores: of questions.
        videos: that they are about.
        groups: of questions; each group counts alike. None: each question does.
        seed: of the draws; the same gives the same interval.
    """
    if not scores:
        return Estimate(math.nan, math.nan, math.nan, 0)
    sums_CG, counts_CG = _table(scores, videos, groups)
    value = float(_means(sums_CG.sum(0)[None], counts_CG.sum(0)[None])[0])
    drawn = [
        _means(weights_BC @ sums_CG, weights_BC @ counts_CG)
        for weights_BC in _draws(len(sums_CG), seed)
    ]
    low, high = np.nanpercentile(np.concatenate(drawn), _LEVEL)
    return Estimate(value, float(low), float(high), len(scores))


def _table(
    scores: Sequence[float], videos: Sequence[str], groups: Sequence[str] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return sums and counts of scores, for each video (C) and group (G)."""
    _, video_Q = np.unique(np.array(videos, dtype=object).astype(str), return_inverse=True)
    names = groups if groups is not None else [""] * len(scores)
    _, group_Q = np.unique(np.array(names, dtype=object).astype(str), return_inverse=True)
    shape = int(video_Q.max()) + 1, int(group_Q.max()) + 1
    sums_CG, counts_CG = np.zeros(shape), np.zeros(shape)
    np.add.at(sums_CG, (video_Q, group_Q), np.asarray(scores, dtype=float))
    np.add.at(counts_CG, (video_Q, group_Q), 1.0)
    return sums_CG, counts_CG


def _means(sums_BG: np.ndarray, counts_BG: np.ndarray) -> np.ndarray:
    """Return the mean over the groups that a draw has, of the means in them: (B,)."""
    there_BG = counts_BG > 0
    means_BG = np.where(there_BG, sums_BG / np.where(there_BG, counts_BG, 1.0), 0.0)
    means_B: np.ndarray = means_BG.sum(1) / there_BG.sum(1)
    return means_B


def _draws(num_videos: int, seed: int) -> Iterator[np.ndarray]:
    """Yield how often each video is drawn, (B, C), some draws at a time."""
    rng = np.random.default_rng(seed)
    shares = np.full(num_videos, 1 / num_videos)
    for _ in range(DRAWS // _CHUNK):
        yield rng.multinomial(num_videos, shares, size=_CHUNK).astype(float)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs over the same questions."""

    count: int  # questions that both answered
    first: float  # mean score of the first run on them
    second: float
    difference: float  # second less first
    low: float  # of its 95 % interval
    high: float
    only_first: int  # questions on which the first run scores more
    only_second: int
    p_value: float  # two-sided, of differences whose signs are flipped by video


def compare(
    first: Sequence[float],
    second: Sequence[float],
    videos: Sequence[str],
    groups: Sequence[str] | None = None,
    *,
    seed: int = 0,
) -> Comparison:
    """Compare the scores of two runs, question by question.

    Args:
        first: scores of a run.
        second: scores of another, of the same questions.
        videos: that they are about.
        groups: of questions, where each group counts alike.
        seed: of the draws.
    """
    differences = [b - a for a, b in zip(first, second, strict=True)]
    spread = estimate(differences, videos, groups, seed=seed)
    only_first = sum(each < 0 for each in differences)
    only_second = sum(each > 0 for each in differences)
    return Comparison(
        len(differences),
        estimate_value(first, groups),
        estimate_value(second, groups),
        spread.value,
        spread.low,
        spread.high,
        only_first,
        only_second,
        _flipped_p(differences, videos, groups, seed),
    )


def estimate_value(scores: Sequence[float], groups: Sequence[str] | None = None) -> float:
    """Return the mean of scores, or of the means of groups; NaN where there are none."""
    if not scores:
        return math.nan
    sums_CG, counts_CG = _table(scores, [""] * len(scores), groups)
    return float(_means(sums_CG, counts_CG)[0])


def _flipped_p(
    differences: Sequence[float], videos: Sequence[str], groups: Sequence[str] | None, seed: int
) -> float:
    """Return how likely a mean at least as far from 0 is, if no video favoured either run.

    Then all differences of a video could as well have the other sign. Every way to flip videos is
    taken where they are few; else some are drawn, and what was found counts as one more.
    """
    if not differences:
        return 1.0
    sums_CG, counts_CG = _table(differences, videos, groups)
    shares_C = (sums_CG / counts_CG.sum(0)).mean(1)  # their sum is the difference that is shown
    shares_C = shares_C[shares_C != 0]  # a flip of the others changes nothing
    # Sums in another order differ in the last digits.
    least = abs(shares_C.sum()) - 1e-9 * np.abs(shares_C).sum()
    exact = len(shares_C) <= _MOST_ENUMERATED
    drawn = _every_flip(len(shares_C)) if exact else _flips(len(shares_C), seed)
    found_B = np.concatenate([np.abs(flips_BC @ shares_C) >= least for flips_BC in drawn])
    return float(found_B.mean() if exact else (found_B.sum() + 1) / (FLIPS + 1))


def _every_flip(num_videos: int) -> Iterator[np.ndarray]:
    """Yield all ways to choose a sign for each video, (B, C), at once."""
    ways_B = np.arange(1 << num_videos)
    yield 1.0 - 2.0 * (ways_B[:, None] >> np.arange(num_videos) & 1)


def _flips(num_videos: int, seed: int) -> Iterator[np.ndarray]:
    """Yield a sign for each video, (B, C), some draws at a time."""
    rng = np.random.default_rng(seed)
    for start in range(0, FLIPS, _CHUNK):
        size = min(_CHUNK, FLIPS - start), num_videos
        yield 1.0 - 2.0 * rng.integers(0, 2, size, dtype=np.int8)
