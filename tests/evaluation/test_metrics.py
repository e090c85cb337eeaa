from __future__ import annotations

import math

import pytest

from linvt_cli.evaluation.metrics import Tally


def test_accuracy_is_the_share_of_right_answers() -> None:
    tally = Tally().plus(right=True).plus(right=True).plus(right=False)
    assert tally.accuracy == pytest.approx(2 / 3)
    assert tally.merged(Tally(1, 1)) == Tally(3, 4)
    assert math.isnan(Tally().accuracy)


def test_the_interval_is_wilsons() -> None:
    """Figures of Wilson (1927) for 8 of 10, as statsmodels' proportion_confint gives them."""
    low, high = Tally(8, 10).interval()
    assert low == pytest.approx(0.4901625, abs=1e-5)
    assert high == pytest.approx(0.9433178, abs=1e-5)
    assert Tally().interval() == (0.0, 1.0)
    assert Tally(10, 10).interval()[1] == pytest.approx(1.0)
