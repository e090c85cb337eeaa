from __future__ import annotations

import math

import numpy as np
import pytest

from linvt_cli.evaluation.bootstrap import compare, estimate, estimate_value, sign_test


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
    ("one", "other", "p"),
    [(0, 0, 1.0), (0, 5, 2 / 32), (1, 9, 2 * 11 / 1024), (3, 3, 1.0)],
)
def test_the_sign_test_is_that_of_the_binomial_distribution(one, other, p):
    assert sign_test(one, other) == pytest.approx(p)
    assert sign_test(other, one) == pytest.approx(p)


def test_the_sign_test_is_quick_with_many_questions():
    assert sign_test(10_000, 10_100) == pytest.approx(0.485, abs=0.005)
