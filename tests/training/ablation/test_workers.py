from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from linvt_cli.backbones.nano_model import save_nano
from linvt_cli.training.ablation.clip_sets import clip_sets, is_cache_of
from linvt_cli.training.ablation.results import RunResult
from linvt_cli.training.ablation.run import AblationChoice, run_ablation
from linvt_cli.training.ablation.variants import VARIANTS, handed_out, runs_of
from linvt_cli.training.ablation.workers import Listener, Run, run_side_by_side
from tests.tiny_models import tiny_nano
from tests.training.ablation.making import Making
from tests.training.ablation.test_run import TINY


def test_runs_that_fail_or_die_do_not_stop_the_others() -> None:
    runs: list[Run] = [("dies", 0), ("fails", 0), *(("full", seed) for seed in range(4))]
    results: list[RunResult] = []
    failures: dict[Run, str] = {}
    started: list[Run] = []
    listener = Listener(started.append, lambda text: None, results.append, failures.__setitem__)
    run_side_by_side(Making(), runs, 2, listener)
    assert sorted(one.seed for one in results) == [0, 1, 2, 3]
    assert started == runs
    assert failures[("dies", 0)] == "its process ended with 3"
    assert "no good" in failures[("fails", 0)]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    nano = tiny_nano()
    save_nano(tmp_path / "weights", nano.model, nano.tokenizer, torch.float32)
    return tmp_path / "weights"


def test_two_processes_come_to_the_results_of_one(tmp_path: Path, weights: Path) -> None:
    """One result is there before, as if the command had been broken off."""
    choice = AblationChoice(1, "single-frame,random,full", weights, weights)
    found = {}
    for folder, num_processes in (("one", 1), ("two", 2)):
        failures: list[str] = []
        run_ablation(
            tmp_path / folder, TINY, choice, on_progress=lambda text: None,
            on_failure=failures.append, num_processes=num_processes,
        )  # fmt: skip
        assert failures == []
        lines = (tmp_path / folder / "results.jsonl").read_text().splitlines()
        found[folder] = [{**json.loads(line), "seconds_per_step": None} for line in lines]
    assert found["one"] == found["two"]
    assert len(found["two"]) == 3
    features = tmp_path / "one" / "features" / "train"
    clips = clip_sets(TINY)["train"]
    assert is_cache_of(features, clips, tiny_nano())
    assert not is_cache_of(features, clips, tiny_nano(1))  # another vision encoder
    assert not is_cache_of(features, clip_sets(TINY)["test"], tiny_nano())


def test_the_slowest_are_handed_out_first_then_seed_by_seed() -> None:
    order = [(spec.name, seed) for spec, seed in handed_out(runs_of(VARIANTS, 3))]
    assert order[:3] == [("official", seed) for seed in range(3)]
    assert [seed for _, seed in order[3:]] == sorted(seed for _, seed in order[3:])
    assert order[3:6] == [("tta-only", 0), ("k-576", 0), ("double-tokens", 0)]
    assert len(set(order)) == len(order) == 61
