from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from linvt_cli.cli.app import run
from linvt_cli.training import recipe as recipe_module
from linvt_cli.training.recipe import NanoRecipe


@pytest.fixture
def calls(monkeypatch):
    """Let the training be over at once and note what it is called with."""
    made: list[dict[str, Any]] = []

    def run_recipe(run_dir: Path, recipe: NanoRecipe, *, device: Any, on_progress: Any) -> Path:
        made.append({"run_dir": run_dir, "recipe": recipe, "device": device.type})
        on_progress("step 1 of 1")
        return run_dir / "nano"

    monkeypatch.setattr(recipe_module, "run_recipe", run_recipe)
    return made


def test_the_folder_of_the_weights_goes_to_stdout_and_progress_to_stderr(calls, tmp_path, capsys):
    assert run(["train", "--output", str(tmp_path), "--device", "cpu"]) == 0
    assert capsys.readouterr() == (f"{tmp_path}/nano\n", "step 1 of 1\n")
    assert calls == [{"run_dir": tmp_path, "recipe": NanoRecipe().scaled(1.0), "device": "cpu"}]


def test_a_scale_makes_a_smaller_run(calls, tmp_path, capsys):
    assert run(["train", "-o", str(tmp_path), "--scale", "0.01", "--device", "cpu"]) == 0
    assert calls[0]["recipe"] == NanoRecipe().scaled(0.01)


def test_quiet_leaves_only_the_folder(calls, tmp_path, capsys):
    assert run(["train", "-o", str(tmp_path), "--device", "cpu", "--quiet"]) == 0
    assert capsys.readouterr() == (f"{tmp_path}/nano\n", "")


@pytest.mark.parametrize("arguments", [[], ["-o", "run", "--scale", "0"]], ids=str)
def test_a_run_needs_a_folder_and_a_size(calls, arguments, capsys):
    assert run(["train", *arguments]) == 2
    assert calls == []
