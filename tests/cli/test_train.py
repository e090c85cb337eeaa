from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from linvt_cli.cli.app import run
from linvt_cli.training import recipe as recipe_module
from linvt_cli.training.recipe import NanoRecipe
from linvt_cli.training.tuning import run as tuning_module
from linvt_cli.training.tuning.settings import (
    LoraShape,
    Optimization,
    TokenizerShape,
    TuningSettings,
)


@pytest.fixture
def calls(monkeypatch):
    """Let the training be over at once and note what it is called with."""
    made: list[dict[str, Any]] = []

    def run_recipe(
        run_dir: Path, recipe: NanoRecipe, *, device: Any, num_workers: int | None,
        bfloat16: bool, on_progress: Any,
    ) -> Path:  # fmt: skip
        assert not bfloat16
        made.append(
            {"run_dir": run_dir, "recipe": recipe, "device": device.type, "workers": num_workers}
        )
        on_progress("step 1 of 1")
        return run_dir / "nano"

    monkeypatch.setattr(recipe_module, "run_recipe", run_recipe)
    return made


def test_the_folder_of_the_weights_goes_to_stdout_and_progress_to_stderr(calls, tmp_path, capsys):
    assert run(["train", "--recipe", "nano", "--output", str(tmp_path), "--device", "cpu"]) == 0
    assert capsys.readouterr() == (f"{tmp_path}/nano\n", "step 1 of 1\n")
    recipe = NanoRecipe().scaled(1.0)
    assert calls == [{"run_dir": tmp_path, "recipe": recipe, "device": "cpu", "workers": None}]


def test_workers_draw_for_the_nano_recipe_and_for_nothing_else(calls, tmp_path, capsys):
    assert (
        run(["train", "--recipe", "nano", "-o", str(tmp_path), "--device", "cpu", "--workers", "3"])
        == 0
    )
    assert calls[0]["workers"] == 3
    for others in (["--recipe", "ablation"], ["data.jsonl"], ["--model", "nano"]):
        capsys.readouterr()
        assert run(["train", "-o", str(tmp_path), "--workers", "3", *others]) == 2
        assert "nano recipe" in capsys.readouterr().err
    assert len(calls) == 1


def test_a_scale_makes_a_smaller_run(calls, tmp_path, capsys):
    assert (
        run(
            ["train", "--recipe", "nano", "-o", str(tmp_path), "--scale", "0.01", "--device", "cpu"]
        )
        == 0
    )
    assert calls[0]["recipe"] == NanoRecipe().scaled(0.01)


def test_quiet_leaves_only_the_folder(calls, tmp_path, capsys):
    assert (
        run(["train", "--recipe", "nano", "-o", str(tmp_path), "--device", "cpu", "--quiet"]) == 0
    )
    assert capsys.readouterr() == (f"{tmp_path}/nano\n", "")


@pytest.mark.parametrize("arguments", [[], ["-o", "run", "--scale", "0"]], ids=str)
def test_a_run_needs_a_folder_and_a_size(calls, arguments, capsys):
    assert run(["train", *arguments]) == 2
    assert calls == []


def test_without_data_a_recipe_must_be_named(calls, capsys, tmp_path):
    assert run(["train", "-o", str(tmp_path / "run"), "--scale", "0.01"]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: There is no data to train on\nhint: linvt train DATA")
    assert (calls, list(tmp_path.iterdir())) == ([], [])


@pytest.fixture
def tuned(monkeypatch):
    """Note the settings with which LinVT would be trained."""
    made: list[TuningSettings] = []

    def run_tuning(settings: TuningSettings, _: Any) -> Path:
        made.append(settings)
        return settings.run_dir / "linvt"

    monkeypatch.setattr(tuning_module, "run_tuning", run_tuning)
    return made


def test_data_trains_linvt_for_a_model(tuned, calls, tmp_path, capsys):
    arguments = ["a.jsonl", "b.jsonl", "--model", "molmo-7b-d", "-o", str(tmp_path), "--steps", "9"]
    arguments += ["--stage", "align", "--queries", "8,4", "--scales", "1,2", "--kept", "64"]
    arguments += ["--accumulate", "3", "--cache-features", "--lora-rank", "4", "--max-bad", "5"]
    assert run(["train", *arguments]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/linvt\n"
    assert calls == []
    assert tuned == [
        TuningSettings(
            "molmo-7b-d",
            tmp_path,
            (Path("a.jsonl"), Path("b.jsonl")),
            stages=("align",),
            shape=TokenizerShape((1, 2), (8, 4), 64),
            lora=LoraShape(rank=4, alpha=8),
            optimization=Optimization(num_steps=9, accumulate=3),
            cache_features=tmp_path / "features",
            max_bad=5,
        )
    ]


def test_a_model_in_the_environment_does_not_change_the_recipe(calls, tmp_path, monkeypatch):
    monkeypatch.setenv("LINVT_MODEL", "nano")
    assert run(["train", "--recipe", "nano", "-o", str(tmp_path), "--device", "cpu"]) == 0
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.jsonl"], "for which model"),
        (["--model", "nano"], "no data"),
        (["a.jsonl", "--model", "nano", "--recipe", "nano"], "makes its own data"),
        (["a.jsonl", "--model", "nano", "--queries", "x"], "no list of numbers"),
        (["a.jsonl", "--model", "nano", "--dtype", "float16"], "float16"),
        (["a.jsonl", "--model", "nano", "--seed", "18000000000000"], "--seed"),
        (["--checkpoint", "old", "--frames", "8"], "--checkpoint needs DATA"),
        (["--steps", "100"], "--steps needs DATA"),
        (["--cache-features"], "--cache-features needs DATA"),
        (["--queries", "8,4,4"], "--queries needs DATA"),
        (["--decode-workers", "2"], "--decode-workers needs DATA"),
        (["--recipe", "ablation", "--model", "nano"], "--model needs DATA"),
        (["--recipe", "ablation", "--batch-size", "8"], "--batch-size needs DATA"),
    ],
    ids=str,
)
def test_what_contradicts_itself_is_said_in_a_line(tuned, calls, arguments, said, tmp_path, capsys):
    assert run(["train", *arguments, "-o", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err
    assert (tuned, calls) == ([], [])


def test_a_file_in_place_of_the_folder_ends_in_one_line(tmp_path, capsys):
    (tmp_path / "run").touch()
    assert run(["train", "--recipe", "nano", "-o", str(tmp_path / "run"), "--device", "cpu"]) == 6
    shown = capsys.readouterr().err
    assert "cannot be kept" in shown
    assert "Traceback" not in shown
