from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from linvt_cli.backbones.nano_model import load_nano
from linvt_cli.errors import BackboneLoadError, CheckpointError, ConfigError
from linvt_cli.training import linvt_stage
from linvt_cli.training.continued import ContinuedRecipe, ReadersStage, run_continued
from linvt_cli.training.recipe import run_recipe
from linvt_cli.training.trainer import read_metrics
from linvt_cli.video_tokenizer.checkpoint import read_checkpoint_info
from tests.training.test_joint_stage import tiny_joint_stage
from tests.training.test_recipe import TINY

MORE = ContinuedRecipe(
    first_clip=500,
    num_clips=3,
    num_foreign=1,
    num_validation_clips=1,
    num_validation_foreign=1,
    num_busy=2,
    num_validation_busy=1,
    num_hard=1,
    num_validation_hard=1,
    cover_steps=2,
    reader_steps=2,
    joint_steps=4,
    batch_size=2,
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny nano's weights."""
    return run_recipe(tmp_path_factory.mktemp("run"), TINY, on_progress=lambda _: None)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


@pytest.mark.slow
def test_finished_weights_go_on_learning_and_say_from_how_much(finished, tmp_path):
    lines: list[str] = []
    folder = run_continued(tmp_path, finished, MORE, on_progress=lines.append)
    load_nano(folder)
    before, after = weights(finished), weights(folder)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert not any(name.startswith(("vision.", "projector.", "feature_")) for name in changed)
    told = read_checkpoint_info(folder / "linvt").training
    assert told["joint_steps"] == TINY.joint_steps + MORE.joint_steps
    assert told["cover_steps"] == TINY.cover_steps + MORE.cover_steps
    assert told["num_clips"] == TINY.num_clips + MORE.num_clips
    assert any(line.startswith("readers: step 2 of 2") for line in lines)
    assert any(line.startswith("joint: step 4 of 4") for line in lines)


@pytest.mark.slow
def test_a_run_that_is_broken_off_ends_at_the_same_weights(finished, tmp_path):
    whole = run_continued(tmp_path / "whole", finished, MORE, on_progress=lambda _: None)

    def stop(line: str) -> None:
        if line.startswith("readers: step 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_continued(tmp_path / "cut", finished, MORE, on_progress=stop)
    again = run_continued(tmp_path / "cut", finished, MORE, on_progress=lambda _: None)
    for one, other in ((whole, again), (whole / "linvt", again / "linvt")):
        expected, found = weights(one), weights(other)
        assert all(torch.equal(expected[name], found[name]) for name in expected)


@pytest.mark.slow
def test_products_in_bfloat16_leave_the_losses_as_they_are_but_for_rounding(finished, tmp_path):
    losses = []
    for bfloat16 in (False, True):
        folder = tmp_path / str(bfloat16)
        run_continued(folder, finished, MORE, bfloat16=bfloat16, on_progress=lambda _: None)
        losses.append([metrics.loss for metrics in read_metrics(folder / "metrics.jsonl")])
    assert losses[1] == pytest.approx(losses[0], rel=0.02)
    assert losses[1] != losses[0]


@pytest.mark.slow
def test_weights_may_go_a_part_of_the_way_and_another_part_without_learning_again(
    finished, tmp_path
):
    lines: list[str] = []
    folders = {}
    for way in (1.0, 0.0, 0.25):
        run_continued(tmp_path, finished, MORE, way=way, on_progress=lines.append)
        folders[way] = {
            name: {key: tensor.float() for key, tensor in weights(tmp_path / name).items()}
            for name in ("nano", "nano/linvt")
        }
    assert sum(line.startswith("joint: step 4 of 4") for line in lines) == 1
    moved = 0.0
    for name, last in folders[1.0].items():
        for key, end in last.items():
            begin, between = folders[0.0][name][key], folders[0.25][name][key]
            assert torch.allclose(between, begin + 0.25 * (end - begin), atol=2e-3, rtol=2e-3)
            moved = max(moved, float((end - begin).abs().max()))
    assert moved > 0
    for key, tensor in weights(finished).items():
        assert torch.equal(folders[0.0]["nano"][key], tensor.float())


def test_the_heads_learn_first_and_alone(finished, tmp_path, monkeypatch):
    seen: dict[str, dict[str, torch.Tensor]] = {}

    def note(line: str) -> None:
        if line.startswith("readers: step 2"):
            seen.update({"readers": load_file(tmp_path / "readers.safetensors")})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_continued(tmp_path, finished, MORE, on_progress=note)
    learnt = {name.split(".")[1] for name in seen["readers"] if name.startswith("weight.")}
    assert learnt == {"narrator", "mentions", "sizes", "order"}


def test_a_folder_goes_on_with_the_clips_and_the_weights_of_its_first_run(finished, tmp_path):
    def stop(line: str) -> None:
        raise KeyboardInterrupt

    def go_on(begin: Path, recipe: ContinuedRecipe, *, bfloat16: bool = False) -> None:
        run_continued(tmp_path / "run", begin, recipe, bfloat16=bfloat16, on_progress=stop)

    others = tmp_path / "others"
    shutil.copytree(finished, others)
    linvt = others / "linvt" / "model.safetensors"
    tensors = load_file(linvt)
    save_file({name: tensor * 2 for name, tensor in tensors.items()}, linvt, {"format": "pt"})
    with pytest.raises(KeyboardInterrupt):
        go_on(finished, MORE)
    with pytest.raises(ConfigError, match="first_clip was 500, and is 600"):
        go_on(finished, replace(MORE, first_clip=600))
    with pytest.raises(ConfigError, match="bfloat16 was False, and is True"):
        go_on(finished, MORE, bfloat16=True)
    with pytest.raises(ConfigError, match=r"begin_with was \w{64}, and is \w{64}"):
        go_on(others, MORE)
    moved = tmp_path / "moved"
    shutil.copytree(finished, moved)
    with pytest.raises(KeyboardInterrupt):  # the same weights, wherever they lie
        go_on(moved, MORE)


def test_the_heads_are_validated_on_undisturbed_clips(bank, hard_bank, monkeypatch):
    """Guards that who is validated is not told by whether LinVT learns."""
    stage = ReadersStage(tiny_joint_stage(bank, hard_bank), num_steps=2)

    def disturb(*_: Any) -> torch.Tensor:
        raise AssertionError("disturbed")

    monkeypatch.setattr(linvt_stage, "disturb", disturb)
    assert stage.joint.usual.linvt.training
    assert "all" in stage.validate()
    with pytest.raises(AssertionError, match="disturbed"):
        stage.loss(0)


def test_a_folder_without_weights_is_refused(finished, tmp_path):
    with pytest.raises(BackboneLoadError):
        run_continued(tmp_path / "run", tmp_path, MORE, on_progress=lambda _: None)
    copied = tmp_path / "nano"
    copied.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (copied / name).write_bytes((finished / name).read_bytes())
    with pytest.raises(CheckpointError):
        run_continued(tmp_path / "run", copied, MORE, on_progress=lambda _: None)


def test_a_smaller_run_has_fewer_of_all():
    small = ContinuedRecipe(7).scaled(0.01)
    assert (small.first_clip, small.num_clips, small.joint_steps) == (7, 90, 30)
