from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from linvt_cli.cli.ablation import FEWEST_CLIPS
from linvt_cli.cli.app import run
from linvt_cli.training.ablation import run as run_module
from linvt_cli.training.ablation.clip_sets import AblationRecipe
from linvt_cli.training.ablation.run import AblationChoice
from linvt_cli.training.recipe import STATISTICS_CLIPS


@pytest.fixture
def calls(monkeypatch):
    """Let the ablation be over at once and note what it is called with."""
    made: list[dict[str, Any]] = []

    def run_ablation(
        run_dir: Path, recipe: AblationRecipe, choice: AblationChoice, *, device: Any, on_progress,
        on_failure, num_processes: int,
    ) -> Path:  # fmt: skip
        made.append({"recipe": recipe, "choice": choice, "device": device.type})
        if num_processes > 1:
            on_failure(f"mean, seed 0, has failed beside {num_processes - 1} others")
        on_progress("run 1 of 1")
        return run_dir / "ablation.md"

    monkeypatch.setattr(run_module, "run_ablation", run_ablation)
    return made


def ablate(folder: Path, *options: str) -> int:
    return run(["train", "--recipe", "ablation", "-o", str(folder), "--device", "cpu", *options])


def test_the_file_of_the_table_goes_to_stdout_and_progress_to_stderr(calls, tmp_path, capsys):
    assert ablate(tmp_path) == 0
    assert capsys.readouterr() == (f"{tmp_path}/ablation.md\n", "run 1 of 1\n")
    assert calls == [{"recipe": AblationRecipe(), "choice": AblationChoice(), "device": "cpu"}]


def test_options_reach_the_ablation(calls, tmp_path, capsys):
    options = ["--seeds", "1", "--only", "full,mean", "--steps", "7", "--scale", "0.1"]
    options += ["--dtype", "bfloat16"]
    folders = ["--image-llm", "stage", "--after", "joint"]
    assert ablate(tmp_path, *options, *folders) == 0
    assert calls[0]["recipe"] == AblationRecipe(bfloat16=True).scaled(0.1, 7)
    assert calls[0]["choice"] == AblationChoice(1, "full,mean", Path("stage"), Path("joint"))


def test_clips_to_learn_from_are_enough_to_standardize_by(calls, tmp_path, capsys):
    assert FEWEST_CLIPS == STATISTICS_CLIPS
    assert ablate(tmp_path, "--clips", str(FEWEST_CLIPS - 1)) == 2
    assert ablate(tmp_path, "--clips", "2100") == 0
    assert [call["recipe"] for call in calls] == [AblationRecipe().scaled(1, num_clips=2100)]


def test_failed_runs_are_named_at_the_end_and_the_table_is_given(calls, tmp_path, capsys):
    assert ablate(tmp_path, "--processes", "4") == 7
    shown = capsys.readouterr()
    assert shown.out == f"{tmp_path}/ablation.md\n"
    assert shown.err.endswith("mean, seed 0, has failed beside 3 others\n")


@pytest.mark.parametrize(
    "option",
    ["--seeds=1", "--only=full", "--image-llm=a", "--after=b", "--processes=2", "--clips=300"],
)
def test_another_recipe_refuses_the_options_of_the_ablation(option, calls, tmp_path, capsys):
    assert run(["train", "-o", str(tmp_path), option]) == 2
    shown = capsys.readouterr().err
    assert f"{option.partition('=')[0]} belongs to the ablation recipe" in shown
    assert "--recipe ablation" in shown


def test_steps_are_of_the_ablation_or_of_data(calls, tmp_path, capsys):
    assert run(["train", "-o", str(tmp_path), "--steps=7"]) == 2
    shown = capsys.readouterr().err
    assert "--steps needs DATA" in shown
    assert "--recipe ablation" in shown


@pytest.mark.parametrize("options", [["--seeds", "0"], ["--steps", "0"]], ids=str)
def test_there_is_at_least_one_seed_and_one_step(options, calls, tmp_path, capsys):
    assert ablate(tmp_path, *options) == 2
    assert calls == []


def test_an_unknown_variant_is_a_mistake_of_the_command_line(tmp_path, capsys):
    assert ablate(tmp_path / "run", "--only", "fuller") == 2
    assert "did you mean full or" in capsys.readouterr().err


def test_an_image_llm_that_is_none_cannot_be_used(tmp_path, capsys):
    assert ablate(tmp_path / "run", "--image-llm", str(tmp_path)) == 4
    assert "holds neither" in capsys.readouterr().err


def test_a_file_in_place_of_the_folder_ends_in_one_line(tmp_path, capsys):
    (tmp_path / "run").touch()
    assert (
        run(["train", "--recipe", "ablation", "-o", str(tmp_path / "run"), "--device", "cpu"]) == 6
    )
    shown = capsys.readouterr().err
    assert "cannot be kept" in shown
    assert "Traceback" not in shown
