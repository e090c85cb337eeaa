from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from linvt_cli.cli.output import Output
from linvt_cli.cli.tuning import (
    Report,
    duration,
    step_line,
    tune,
)
from linvt_cli.training.tuning import run as run_module
from linvt_cli.training.tuning.metrics import StepMetrics
from linvt_cli.training.tuning.settings import TuningSettings
from linvt_cli.training.video_data.samples import BadSample

SETTINGS = TuningSettings("nano", Path("run"), (Path("data.jsonl"),))


def metrics(step: int, loss: float | None = 1.5) -> StepMetrics:
    return StepMetrics("align", step, 10, loss, 1e-3, 0.5, 4, 100, 0, 2.0)


def test_a_line_says_loss_rate_and_time_left():
    assert step_line(metrics(3), 2.0) == "align: step 3 of 10, loss 1.5000, 50 tokens/s, 14 s left"
    assert step_line(metrics(10), 2.0) == "align: step 10 of 10, loss 1.5000, 50 tokens/s"
    assert "no usable sample" in step_line(metrics(3, None), 2.0)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (90, "2 min"), (12_000, "3 h 20 min")]
)
def test_times_are_short(seconds, text):
    assert duration(seconds) == text


def test_without_a_terminal_there_is_a_line_now_and_then(capsys):
    shown: list[str] = []
    report = Report(Output(), shown.append)
    for step in range(1, 11):
        report.step(metrics(step))
    report.bad(BadSample("d.jsonl:3", "broken"))
    assert len(shown) == 10
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines[:2]] == [
        "align: step 1 of 10",
        "align: step 10 of 10",
    ]
    assert lines[2:] == ["warning: d.jsonl:3: broken; skipped"]


@pytest.mark.parametrize(("rank", "printed"), [("0", "run/linvt\n"), ("1", "")])
def test_of_several_processes_the_first_prints(rank, printed, monkeypatch, capsys):
    def run_tuning(settings: TuningSettings, observer: Any) -> Path:
        observer.on_notice("going on")
        print("chatter")  # noqa: T201 - as a library would
        return settings.run_dir / "linvt"

    monkeypatch.setattr(run_module, "run_tuning", run_tuning)
    monkeypatch.setenv("RANK", rank)
    tune(SETTINGS, Output())
    out, err = capsys.readouterr()
    assert out == printed
    assert ("going on" in err) == (rank == "0")
