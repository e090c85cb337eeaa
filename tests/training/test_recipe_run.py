from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from linvt_cli.training.recipe_run import RecipeRun, scaled
from linvt_cli.training.trainer import read_metrics
from tests.training.test_trainer import Regression


def test_a_stage_is_run_once_and_loaded_from_then_on(tmp_path: Path) -> None:
    lines: list[str] = []
    run = RecipeRun(tmp_path, torch.device("cpu"), 0, lines.append)
    trained, loaded = Regression(), Regression()
    run.finish(trained)
    assert "regression: step 40 of 40" in lines[-1]
    assert "exact: all 100%" in lines[-1]
    told = list(read_metrics(tmp_path / "metrics.jsonl"))
    assert [metrics.step for metrics in told] == [25, 40]

    run.finish(loaded)
    assert torch.equal(trained.layer.weight, loaded.layer.weight)
    assert list(read_metrics(tmp_path / "metrics.jsonl")) == told


@dataclass(frozen=True)
class Sizes:
    steps: int = 10
    clips: int = 100
    seed: int = 7


def test_sizes_are_scaled_and_nothing_else() -> None:
    assert scaled(Sizes(), ("steps", "clips"), 0.5) == Sizes(5, 50, 7)
    assert scaled(Sizes(), ("steps", "clips"), 0.01) == Sizes(2, 2, 7)
