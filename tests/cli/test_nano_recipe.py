from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from linvt_cli.cli.app import run
from linvt_cli.training import continued
from linvt_cli.training.continued import ContinuedRecipe
from linvt_cli.training.sole_run import sole_run


@pytest.fixture
def calls(monkeypatch):
    """Let the training be over at once and note what it is called with."""
    made: list[Any] = []

    def run_continued(
        run_dir: Path, begin: Path, recipe: ContinuedRecipe, *, device: Any,
        num_workers: int | None, bfloat16: bool, way: float, on_progress: Any,
    ) -> Path:  # fmt: skip
        made.append((begin, recipe, device.type, num_workers, bfloat16, way))
        on_progress("step 1 of 1")
        return run_dir / "nano"

    monkeypatch.setattr(continued, "run_continued", run_continued)
    return made


def train(folder: Path, *options: str) -> int:
    return run(["train", "--recipe", "nano", "-o", str(folder), "--device", "cpu", *options])


def test_finished_weights_go_on_learning_from_clips_of_their_own(calls, tmp_path, capsys):
    assert train(tmp_path, "--begin-with", "old") == 0
    assert capsys.readouterr() == (f"{tmp_path}/nano\n", "step 1 of 1\n")
    options = ["--first-clip", "7", "--scale", "0.1", "--workers", "2", "--quiet"]
    options += ["--dtype", "bfloat16", "--way", "0.8"]
    assert train(tmp_path, "--begin-with", "old", *options) == 0
    assert calls == [
        (Path("old"), ContinuedRecipe(100_000), "cpu", None, False, 1.0),
        (Path("old"), ContinuedRecipe(7).scaled(0.1), "cpu", 2, True, 0.8),
    ]


@pytest.mark.parametrize("option", ["--begin-with=a", "--first-clip=3", "--workers=1", "--way=1"])
@pytest.mark.parametrize("others", [["--recipe", "ablation"], ["data.jsonl"], ["--model", "nano"]])
def test_its_options_are_refused_elsewhere(calls, option, others, tmp_path, capsys):
    assert run(["train", "-o", str(tmp_path), option, *others]) == 2
    assert option.partition("=")[0] in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--first-clip", "--way"])
def test_what_is_of_weights_to_begin_with_needs_them(option, calls, tmp_path, capsys):
    assert train(tmp_path, option, "1") == 2
    assert "--begin-with" in capsys.readouterr().err
    assert calls == []


def test_a_run_folder_takes_one_command_at_a_time(calls, tmp_path, capsys):
    with sole_run(tmp_path):
        assert train(tmp_path, "--begin-with", "old") == 2
    assert "Another command works in" in capsys.readouterr().err
    assert calls == []
