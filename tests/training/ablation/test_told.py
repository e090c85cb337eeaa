from __future__ import annotations

from linvt_cli.training.ablation.told import Told
from linvt_cli.training.trainer import Metrics


def metrics(step: int, seconds: float, *, measured: bool = False) -> Metrics:
    return Metrics(
        "variant", step, 100, 1 / step, 1e-3, seconds, {"all": 1.0} if measured else None
    )


def test_every_report_is_told_in_a_line():
    lines: list[str] = []
    told = Told("full, seed 0", lines.append)
    told(metrics(25, 4.0))
    assert lines == ["full, seed 0: step 25 of 100, loss 0.040, 4 s"]
    assert told.loss == 0.04


def test_the_time_of_a_step_is_that_between_reports_without_measuring():
    told = Told("full", lambda _: None)
    found = [told.seconds_per_step]
    for each in (metrics(25, 10.0), metrics(75, 20.0), metrics(100, 60.0, measured=True)):
        told(each)
        found.append(told.seconds_per_step)
    assert found == [None, None, 0.2, 0.2]
    assert told.loss == 0.01
