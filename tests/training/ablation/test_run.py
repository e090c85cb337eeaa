from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from linvt_cli.backbones.nano import Nano
from linvt_cli.errors import ConfigError
from linvt_cli.training.ablation import run as run_module
from linvt_cli.training.ablation.clip_sets import AblationRecipe
from linvt_cli.training.ablation.image_llm import ImageLLM
from linvt_cli.training.ablation.results import Counts
from linvt_cli.training.ablation.run import AblationChoice, run_ablation
from linvt_cli.training.examples import ClipBank
from linvt_cli.training.readers import Readers
from linvt_cli.training.sole_run import sole_run
from tests.tiny_models import tiny_nano
from tests.training.ablation.conftest import CONFIG

TINY = AblationRecipe(
    num_clips=3,
    num_foreign=1,
    num_test_clips=2,
    num_test_foreign=1,
    num_steps=2,
    batch_size=2,
    turns_per_clip=2,
    linvt=CONFIG,
)
CHOICE = AblationChoice(num_seeds=2, only="single-frame,svr-only,full")


@pytest.fixture(autouse=True)
def tiny_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny nano as it was after its image stage, and another in place of the shipped weights."""

    def load(folder: Path | None, device: torch.device) -> ImageLLM:
        if folder is None:
            return ImageLLM(tiny_nano(0), "shipped", "b" * 64)
        return ImageLLM(tiny_nano(0), "image stage", "a" * 64, Readers(24))

    monkeypatch.setattr(run_module, "load_image_llm", load)


@pytest.fixture
def lines() -> list[str]:
    return []


def ablate(
    folder: Path, lines: list[str], choice: AblationChoice = CHOICE, recipe: AblationRecipe = TINY
) -> list[dict[str, object]]:
    table = run_ablation(folder, recipe, choice, on_progress=lines.append)
    assert table == folder / "ablation.md"
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def test_bfloat16_products_are_told_and_never_mixed_with_others(
    tmp_path: Path, lines: list[str]
) -> None:
    choice, halved = AblationChoice(num_seeds=1, only="full"), replace(TINY, bfloat16=True)
    plain = ablate(tmp_path / "plain", lines, choice)
    rounded = ablate(tmp_path / "halved", lines, choice, halved)
    assert rounded[0]["loss"] == pytest.approx(plain[0]["loss"], rel=0.02)
    assert rounded[0]["loss"] != plain[0]["loss"]
    told = [(tmp_path / name / "ablation.md").read_text() for name in ("plain", "halved")]
    assert ["bfloat16" in text for text in told] == [False, True]
    with pytest.raises(ConfigError, match="bfloat16"):
        ablate(tmp_path / "plain", lines, choice, halved)


def test_every_variant_and_seed_has_a_result_and_a_row(tmp_path: Path, lines: list[str]) -> None:
    results = ablate(tmp_path, lines)
    assert [(result["variant"], result["seed"]) for result in results] == [
        ("single-frame", 0),
        ("svr-only", 0),
        ("svr-only", 1),
        ("full", 0),
        ("full", 1),
    ]
    assert [result["num_video_tokens"] for result in results] == [4, 12, 12, 12, 12]
    assert [result["num_steps"] for result in results] == [0, 2, 2, 2, 2]
    table = (tmp_path / "ablation.md").read_text()
    assert all(f"| `{name}` |" in table for name in ("single-frame", "svr-only", "full"))
    assert "favours `full`" in table
    assert (tmp_path / "ablation.png").exists()
    assert "run 1 of 5: single-frame, seed 0" in lines


def test_what_is_finished_is_not_run_again(tmp_path: Path, lines: list[str]) -> None:
    first = ablate(tmp_path, lines)
    lines.clear()
    assert ablate(tmp_path, lines) == first
    assert lines == []
    path = tmp_path / "results.jsonl"
    *others, _ = path.read_text().splitlines(keepends=True)
    path.write_text("".join(others))  # as if the last run was broken off at its end
    again = ablate(tmp_path, lines)
    assert [line for line in lines if line.startswith("run ")] == ["run 5 of 5: full, seed 1"]
    assert [each["exact"] for each in again] == [each["exact"] for each in first]


def test_variants_and_seeds_may_be_added_later(tmp_path: Path, lines: list[str]) -> None:
    ablate(tmp_path, lines, AblationChoice(num_seeds=1, only="full"))
    results = ablate(tmp_path, lines, AblationChoice(num_seeds=1, only="mean"))
    assert [result["variant"] for result in results] == ["mean", "full"]


def test_other_settings_need_another_folder(tmp_path: Path, lines: list[str]) -> None:
    ablate(tmp_path, lines, AblationChoice(num_seeds=1, only="mean"))
    with pytest.raises(ConfigError, match="num_steps was 2, and is 3"):
        ablate(tmp_path, lines, recipe=replace(TINY, num_steps=3))
    with pytest.raises(ConfigError, match="image_llm was shipped, and is image stage"):
        ablate(tmp_path, lines, replace(CHOICE, image_llm=tmp_path))


def test_the_image_llm_and_what_became_of_it_are_asked_about_stills(
    tmp_path: Path, lines: list[str]
) -> None:
    choice = AblationChoice(num_seeds=1, only="mean", image_llm=tmp_path / "stage")
    ablate(tmp_path / "run", lines, choice)
    table = (tmp_path / "run" / "ablation.md").read_text()
    assert "before and after training on clips" in table
    assert "never a token of LinVT's" in table
    lines.clear()
    ablate(tmp_path / "run", lines, choice)
    assert lines == []  # asked once


@pytest.mark.parametrize("bfloat16", [False, True])
def test_both_are_asked_about_stills_in_the_same_arithmetic(
    bfloat16: bool, tmp_path: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    halved: list[Nano] = []
    asked: list[Nano] = []

    def ask(nano: Nano, bank: ClipBank) -> Counts:
        asked.append(nano)
        return {"count": (1, 2)}

    monkeypatch.setattr(run_module, "halve_products", halved.append)
    monkeypatch.setattr(run_module, "ask_about_stills", ask)
    choice = AblationChoice(num_seeds=1, only="mean", image_llm=tmp_path / "stage")
    ablate(tmp_path / "run", lines, choice, replace(TINY, bfloat16=bfloat16))
    assert len(asked) == 2
    assert halved == (asked if bfloat16 else [])


def test_weights_are_counted_that_learn(tmp_path: Path, lines: list[str]) -> None:
    (result,) = ablate(tmp_path, lines, AblationChoice(num_seeds=1, only="official"))
    state = load_file(tmp_path / "runs" / "official" / "seed-0" / "variant.safetensors")
    moved = [tensor.numel() for name, tensor in state.items() if name.startswith("exp_avg.")]
    assert result["num_weights"] == sum(moved)


def test_with_the_shipped_image_llm_alone_there_is_nothing_to_compare(
    tmp_path: Path, lines: list[str]
) -> None:
    ablate(tmp_path, lines, AblationChoice(num_seeds=1, only="mean"))
    assert not (tmp_path / "images.json").exists()


def test_an_unknown_variant_is_refused_before_anything_is_made(
    tmp_path: Path, lines: list[str]
) -> None:
    with pytest.raises(ConfigError, match="Unknown variant"):
        ablate(tmp_path / "run", lines, AblationChoice(only="fuller"))
    assert not (tmp_path / "run").exists()


def test_a_run_folder_takes_one_comparison_at_a_time(tmp_path: Path, lines: list[str]) -> None:
    with sole_run(tmp_path), pytest.raises(ConfigError, match="Another command works"):
        ablate(tmp_path, lines)


def test_a_worker_chooses_its_device_as_the_command_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which settles who computes attention there, and that holds for one process alone."""

    class Chosen(Exception):
        pass

    def choose(device: str) -> torch.device:
        raise Chosen(device)

    monkeypatch.setattr(run_module, "select_device", choose)
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
    make = run_module._MakeWork(
        tmp_path, AblationRecipe(), None, "cuda:1", (tmp_path, tmp_path), num_processes=2
    )
    with pytest.raises(Chosen, match="cuda:1"):
        make(lambda line: None)
