from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any

from linvt_cli.training.tuning.metrics import (
    MetricsLog,
    StepMetrics,
    draw,
    final_loss,
    losses_of,
    read_metrics,
)


def metrics(step: int, stage: str = "align", loss: float | None = 1.0) -> StepMetrics:
    return StepMetrics(stage, step, 10, loss, 1e-3, 0.5, 4, 100, 0, 2.0)


def test_steps_are_read_back(tmp_path):
    log = MetricsLog(tmp_path, "align", first=0)
    for step in (1, 2):
        log.add(metrics(step))
    log.close()
    assert list(read_metrics(tmp_path)) == [metrics(1), metrics(2)]
    row = json.loads((tmp_path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert row["tokens_per_second"] == 50.0


def test_steps_behind_the_checkpoint_and_lines_cut_off_go(tmp_path):
    log = MetricsLog(tmp_path, "align", first=0)
    for step in (1, 2, 3):
        log.add(metrics(step))
    with (tmp_path / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"stage": "al')
    MetricsLog(tmp_path, "align", first=2)
    assert [each.step for each in read_metrics(tmp_path)] == [1, 2]
    MetricsLog(tmp_path, "instruct", first=0)
    assert len(list(read_metrics(tmp_path))) == 2


def test_tensorboard_gets_what_is_known_where_it_is_installed(tmp_path, monkeypatch):
    told: list[Any] = []

    class Writer:
        def __init__(self, folder: str, *, purge_step: int) -> None:
            told.append((folder, purge_step))

        def add_scalar(self, name: str, value: float, step: int) -> None:
            told.append((name, value, step))

        def close(self) -> None:
            told.append("closed")

    monkeypatch.setitem(
        sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=Writer)
    )
    log = MetricsLog(tmp_path, "align", first=4)
    log.add(metrics(5, loss=None))
    log.close()
    assert told[0] == (str(tmp_path / "tensorboard" / "align"), 5)
    assert told[1:] == [
        ("learning_rate", 1e-3, 5),
        ("gradient_norm", 0.5, 5),
        ("tokens_per_second", 50.0, 5),
        "closed",
    ]


def test_the_curve_is_drawn_from_what_was_measured(tmp_path):
    draw(tmp_path)
    assert not (tmp_path / "curves.png").exists()
    log = MetricsLog(tmp_path, "align", first=0)
    for step in (1, 2, 3):
        log.add(metrics(step, loss=None if step == 2 else 1 / step))
    draw(tmp_path)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_losses_are_those_of_a_stage_where_there_are_any(tmp_path):
    log = MetricsLog(tmp_path, "align", first=0)
    for each in (metrics(1, loss=3.0), metrics(2, loss=None), metrics(3, stage="instruct")):
        log.add(each)
    assert losses_of(tmp_path, "align") == {1: 3.0}
    assert losses_of(tmp_path / "elsewhere", "align") == {}


def test_the_final_loss_is_that_of_the_last_tenth(tmp_path):
    log = MetricsLog(tmp_path, "align", first=0)
    for step in range(1, 21):
        log.add(metrics(step, loss=None if step == 20 else float(step)))
    assert final_loss(tmp_path, "align", num_steps=20) == 19.0
    assert final_loss(tmp_path, "align", num_steps=10) == 14.5
    assert final_loss(tmp_path, "instruct", num_steps=20) is None
