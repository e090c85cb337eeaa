from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from linvt_cli.cli.app import run
from linvt_cli.errors import CheckpointError
from linvt_cli.evaluation import world
from linvt_cli.evaluation.world import Miss, WorldBenchmark, WorldReport
from tests.evaluation.test_results import mlvu


@pytest.fixture
def calls(monkeypatch):
    """Let the benchmark be over at once, with one right and one wrong answer; note the calls."""
    made: list[Any] = []

    def load_ways(
        model: str, device: str, checkpoint: str | None, weights: str | None
    ) -> dict[str, object]:
        made.append((model, device, checkpoint, weights))
        return {}

    def evaluate_world(ways: object, benchmark: WorldBenchmark, *, on_progress: Any) -> WorldReport:
        made.append(benchmark)
        on_progress(1, 1)
        report = WorldReport()
        report.count("linvt", "count", True, clip="0")
        report.count("linvt", "first", False, clip="0")
        report.count("mean", "count", False, clip="0")
        for way in ("linvt", "mean"):
            report.misses.append(Miss(way, 17, "first", "What first?", "A dog.", "A cat."))
        return report

    monkeypatch.setattr(world, "load_ways", load_ways)
    monkeypatch.setattr(world, "evaluate_world", evaluate_world)
    return made


def test_the_result_is_a_table_with_a_column_for_each_way_of_looking(calls, capsys):
    assert run(["evaluate", "world", "--clips", "1"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[0] == "| question kind | n | linvt | mean |"
    assert captured.err == ""


def test_options_set_the_size_of_the_run(calls, capsys):
    arguments = ["--seed", "9", "--clips", "4", "--questions", "3", "--foreign", "0"]
    assert run(["evaluate", "world", "--device", "cpu", *arguments]) == 0
    assert calls == [("nano", "cpu", None, None), WorldBenchmark(9, 4, 3, 0)]


def test_weights_that_were_trained_here_are_measured(calls, capsys):
    arguments = ["--weights", "runs/nano", "--checkpoint", "runs/nano/linvt"]
    assert run(["evaluate", "world", "--device", "cpu", *arguments]) == 0
    assert calls[0] == ("nano", "cpu", "runs/nano/linvt", "runs/nano")


def test_the_largest_model_that_fits_may_be_asked_for_and_is_nano_where_there_is_no_other(
    calls, capsys, tmp_path, monkeypatch
):
    monkeypatch.setenv("LINVT_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert run(["evaluate", "world", "--model", "auto", "--device", "cpu"]) == 0
    assert calls[0] == ("nano", "cpu", None, None)


def test_hard_clips_and_frames_are_options(calls):
    assert run(["evaluate", "world", "--hard", "--frames", "32"]) == 0
    assert calls[1] == WorldBenchmark(hard=True, num_frames=32)


def test_json_is_one_document(calls, capsys):
    assert run(["evaluate", "world", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["accuracy"]["linvt"] == {"all": 0.5, "count": 1.0, "first": 0.0}


def test_misses_of_trained_linvt_are_listed_when_asked_for(calls, capsys):
    assert run(["evaluate", "world", "--misses"]) == 0
    listed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("clip ")]
    assert listed == ["clip 17 [first] What first? expected: A dog. got: A cat."]


def test_an_unknown_benchmark_is_a_usage_error(calls, capsys):
    assert run(["evaluate", "moon"]) == 2
    assert calls == []


def test_a_model_without_trained_linvt_is_an_error(monkeypatch, capsys):
    def load_ways(model: str, device: str, checkpoint: str | None, weights: str | None) -> None:
        raise CheckpointError("No LinVT checkpoint comes with it")

    monkeypatch.setattr(world, "load_ways", load_ways)
    assert run(["evaluate", "world"]) == 4
    assert capsys.readouterr() == ("", "error: No LinVT checkpoint comes with it\n")


def test_the_help_lists_world_comparison_and_benchmarks(capsys):
    assert run(["evaluate", "--help"]) == 0
    listed = capsys.readouterr().out
    assert all(f"\n  {name} " in listed for name in ("world", "compare", "mvbench", "mm-vet"))


@pytest.fixture
def two_runs(tmp_path):
    """Results of two runs over four questions of two tasks."""
    paths = []
    for name, scores in (("a", (1.0, 0.0, 0.0, 1.0)), ("b", (1.0, 1.0, 0.0, 1.0))):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(mlvu(*scores)))
        paths.append(str(path))
    return paths


def test_two_runs_are_compared_as_a_table_or_as_json(two_runs, capsys):
    assert run(["evaluate", "compare", *two_runs]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| over 4 questions that both scored | |"
    assert run(["evaluate", "compare", *two_runs, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["count"], document["only_second"], document["unmatched"]) == (4, 1, 0)
    assert document["difference"] == pytest.approx(1 / 6)


def test_runs_that_were_scored_otherwise_are_compared_with_a_warning(two_runs, capsys):
    assert run(["evaluate", "compare", *two_runs]) == 0
    assert capsys.readouterr().err == ""
    document = mlvu(1.0, 1.0, 0.0, 1.0)
    document["settings"] = {**document["settings"], "by": "text-likelihood"}
    Path(two_runs[1]).write_text(json.dumps(document))
    assert run(["evaluate", "compare", *two_runs]) == 0
    assert capsys.readouterr().err == (
        "warning: the runs differ in more than the model: how options are chosen\n"
    )


def test_what_holds_no_results_cannot_be_compared(two_runs, tmp_path, capsys):
    assert run(["evaluate", "compare", two_runs[0], str(tmp_path / "none.json")]) == 3
    assert "cannot be read" in capsys.readouterr().err
