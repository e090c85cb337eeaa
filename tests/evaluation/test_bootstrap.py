from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from linvt_cli.evaluation.bootstrap import compare, estimate, estimate_value


def test_the_mean_counts_every_question_or_every_group_alike():
    scores, groups = [1.0, 0.0, 0.0, 1.0], ["a", "a", "a", "b"]
    videos = ["1", "2", "3", "4"]
    assert estimate(scores, videos).value == 0.5
    assert estimate(scores, videos, groups).value == pytest.approx((1 / 3 + 1) / 2)
    assert estimate_value(scores, groups) == pytest.approx((1 / 3 + 1) / 2)


def test_the_interval_is_about_that_of_the_normal_distribution():
    rng = np.random.default_rng(1)
    scores = (rng.random(400) < 0.7).astype(float).tolist()
    result = estimate(scores, [str(number) for number in range(400)])
    half = 1.96 * math.sqrt(result.value * (1 - result.value) / 400)
    assert result.low == pytest.approx(result.value - half, abs=0.01)
    assert result.high == pytest.approx(result.value + half, abs=0.01)
    assert result == estimate(scores, [str(number) for number in range(400)])


def test_questions_about_one_video_make_the_interval_wider():
    scores = [float(number % 2) for number in range(100) for _ in range(4)]
    apart = estimate(scores, [str(number) for number in range(400)])
    together = estimate(scores, [str(number // 4) for number in range(400)])
    ratio = (together.high - together.low) / (apart.high - apart.low)
    assert ratio == pytest.approx(2.0, rel=0.15)


def test_nothing_to_estimate_is_no_number():
    assert math.isnan(estimate([], []).value)
    assert math.isnan(estimate_value([]))
    assert estimate([1.0], ["a"]).low == 1.0


def test_two_runs_are_compared_question_by_question():
    first = [1.0, 1.0, 0.0, 0.0, 1.0]
    second = [1.0, 0.0, 1.0, 1.0, 1.0]
    result = compare(first, second, list("abcde"))
    assert (result.first, result.second) == (0.6, 0.8)
    assert result.difference == pytest.approx(0.2)
    assert result.low < 0.2 < result.high
    assert (result.only_first, result.only_second, result.count) == (1, 2, 5)
    assert result.p_value == 1.0


@pytest.mark.parametrize(
    ("worse", "better", "p"),
    [(0, 0, 1.0), (0, 5, 2 / 32), (1, 9, 2 * 11 / 1024), (3, 3, 1.0), (0, 13, 2 / 2**13)],
)
def test_with_few_right_or_wrong_videos_p_is_that_of_the_sign_test(worse, better, p):
    first = [1.0] * worse + [0.0] * better + [1.0] * 20  # the last do not differ
    second = [0.0] * worse + [1.0] * better + [1.0] * 20
    videos = [str(number) for number in range(len(first))]
    assert compare(first, second, videos).p_value == pytest.approx(p)
    assert compare(second, first, videos).p_value == pytest.approx(p)


def test_one_question_about_each_video_gives_the_p_of_all_ways_to_flip_signs():
    rng = np.random.default_rng(3)
    first, second = rng.random(9).tolist(), (rng.random(9) + 0.2).tolist()
    differences = [b - a for a, b in zip(first, second, strict=True)]
    flipped = [
        abs(sum(sign * each for sign, each in zip(signs, differences, strict=True)))
        for signs in itertools.product((1, -1), repeat=9)
    ]
    extreme = sum(each >= abs(sum(differences)) - 1e-12 for each in flipped)
    assert 2 < extreme < 512
    assert compare(first, second, list("abcdefghi")).p_value == pytest.approx(extreme / 512)


def test_questions_about_one_video_are_flipped_together():
    """Ten questions about each of 40 videos: B wins all about 25, A all about 15."""
    second = [float(number < 250) for number in range(400)]
    first = [1.0 - score for score in second]
    videos = [str(number // 10) for number in range(400)]
    result = compare(first, second, videos)
    assert result.difference == pytest.approx(0.25)
    ways = sum(math.comb(40, wins) for wins in range(25, 41))
    assert 2 * ways / 2**40 == pytest.approx(0.154, abs=0.001)  # sign test over videos
    assert result.p_value == pytest.approx(0.154, abs=0.015)
    assert result == compare(first, second, videos)


def test_p_belongs_to_the_mean_over_groups_where_they_count_alike():
    """Differences +1, -1, 0, 0 of one group and +1 of the other: 0, and 1 on the average.

    So videos count ±1/8, ±1/8 and ±1/2: 6 of 8 ways reach the 1/2 that is found.
    """
    first, second = [0.0, 1.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0, 1.0]
    result = compare(first, second, list("abcde"), list("xxxxy"))
    assert result.difference == pytest.approx(0.5)
    assert result.p_value == pytest.approx(6 / 8)
    assert compare(first, second, list("abcde")).p_value == 1.0


def test_drawn_flips_never_give_a_p_of_nothing():
    videos = [str(number) for number in range(60)]
    assert compare([0.0] * 60, [1.0] * 60, videos).p_value == 1 / 10_000
    assert compare([], [], []).p_value == 1.0
