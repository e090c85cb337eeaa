from __future__ import annotations

from linvt_cli.training.examples import ClipBank
from tests.tiny_models import tiny_nano
from tests.training.test_linvt_stage import linvt_stage


def test_validation_scores_every_kind_and_all_together(bank: ClipBank) -> None:
    accuracy = linvt_stage(tiny_nano(), bank).validate()
    assert {"all", "describe", "foreign"} <= set(accuracy)
    assert all(0 <= share <= 1 for share in accuracy.values())
