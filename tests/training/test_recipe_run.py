from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from linvt_cli.errors import ConfigError
from linvt_cli.training.recipe_run import RecipeRun, hold_to_recipe, scaled
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

    # What a full disk has torn is no line, and costs none of those that come after.
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"stage": "regr')
    (tmp_path / "regression.done").unlink()
    (tmp_path / "regression.safetensors").unlink()
    run.finish(Regression())
    assert [each.step for each in read_metrics(tmp_path / "metrics.jsonl")] == [25, 40, 25, 40]
    told = list(read_metrics(tmp_path / "metrics.jsonl"))

    run.finish(loaded)
    assert torch.equal(trained.layer.weight, loaded.layer.weight)
    assert list(read_metrics(tmp_path / "metrics.jsonl")) == told


@dataclass(frozen=True)
class Sizes:
    steps: int = 10
    clips: int = 100
    seed: int = 7


@pytest.mark.parametrize(
    ("recipe", "changes", "said"),
    [
        (Sizes(steps=11), {}, "steps was 10, and is 11"),
        (Sizes(), {"bfloat16": True}, "bfloat16 was False, and is True"),
        (Sizes(), {"begin_with": "cd"}, "begin_with was ab, and is cd"),
        (Sizes(), {"begin_with": None}, "begin_with was ab, and is None"),
    ],
)
def test_a_run_folder_keeps_to_its_recipe(
    recipe: Sizes, changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    for _ in range(2):
        hold_to_recipe(tmp_path, Sizes(), bfloat16=False, begin_with="ab")
    with pytest.raises(ConfigError, match=said) as caught:
        hold_to_recipe(tmp_path, recipe, **{"bfloat16": False, "begin_with": "ab", **changes})
    assert "\n" not in caught.value.message
    assert caught.value.hint == "give the options of its first run, or another folder with -o"


def test_sizes_are_scaled_and_nothing_else() -> None:
    assert scaled(Sizes(), ("steps", "clips"), 0.5) == Sizes(5, 50, 7)
    assert scaled(Sizes(), ("steps", "clips"), 0.01) == Sizes(2, 2, 7)
