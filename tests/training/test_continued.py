from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from linvt_cli.backbones.nano_model import load_nano
from linvt_cli.errors import BackboneLoadError, CheckpointError, ConfigError
from linvt_cli.training import linvt_stage, still_drawing
from linvt_cli.training import recipe as recipe_module
from linvt_cli.training.continued import ContinuedRecipe, ReadersStage, run_continued
from linvt_cli.training.recipe import run_recipe
from linvt_cli.training.trainer import read_metrics
from linvt_cli.training.vision_stage import VisionStage
from linvt_cli.video_tokenizer.checkpoint import load_checkpoint, read_checkpoint_info
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
def recipe_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of a tiny recipe, with few stills to learn and validate with."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe_module, "VisionStage", partial(VisionStage, batch_size=8))
        patch.setattr(still_drawing, "_VALIDATION_CLIPS", 4)
        assert run_recipe(folder, TINY, on_progress=lambda _: None) == folder / "nano"
    return folder


@pytest.fixture(scope="module")
def finished(recipe_run: Path) -> Path:
    """A tiny nano's weights."""
    return recipe_run / "nano"


@pytest.fixture(scope="module")
def told() -> list[str]:
    """What the run below tells."""
    return []


@pytest.fixture(scope="module")
def whole(finished: Path, told: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run from those weights that nothing breaks off."""
    folder = tmp_path_factory.mktemp("whole")
    run_continued(folder, finished, MORE, on_progress=told.append)
    return folder


@pytest.fixture
def begun(whole: Path, tmp_path: Path) -> Path:
    """A folder for another run, with the features of its clips, which would take longest."""
    shutil.copytree(whole / "features", tmp_path / "begun" / "features")
    return tmp_path / "begun"


@pytest.mark.slow
def test_the_recipe_makes_a_model_that_loads_and_a_second_run_has_nothing_to_do(
    recipe_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = recipe_run / "nano"
    model, tokenizer = load_nano(folder)
    assert model.config.embed_dim == 48
    assert tokenizer.get_vocab_size() == 400
    linvt = load_checkpoint(
        folder / "linvt",
        backbone_name="nano",
        embed_dim=48,
        device=torch.device("cpu"),
        dtype=torch.float32,
    )
    assert linvt.num_video_tokens == 32
    metrics = (recipe_run / "metrics.jsonl").read_text().splitlines()
    stages = {json.loads(line)["stage"] for line in metrics}
    assert stages == {"vision", "image", "linvt-cover", "linvt-instruct", "joint", "busy"}

    lines: list[str] = []
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    monkeypatch.setattr("linvt_cli.pipeline.figures.find_spec", lambda name: None)
    run_recipe(recipe_run, TINY, on_progress=lines.append)
    assert ".[train]" in lines[-1]
    assert (recipe_run / "metrics.jsonl").read_text().splitlines() == metrics
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before

    with pytest.raises(ConfigError, match="joint_steps was 4, and is 5"):
        run_recipe(recipe_run, replace(TINY, joint_steps=5), on_progress=lines.append)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before

    (recipe_run / "recipe.json").unlink()  # as in a folder of old
    run_recipe(recipe_run, TINY, on_progress=lines.append)
    assert json.loads((recipe_run / "recipe.json").read_text())["joint_steps"] == 4


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


@pytest.mark.slow
def test_finished_weights_go_on_learning_and_say_from_how_much(finished, whole, told):
    folder = whole / "nano"
    load_nano(folder)
    before, after = weights(finished), weights(folder)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert not any(name.startswith(("vision.", "projector.", "feature_")) for name in changed)
    learnt = read_checkpoint_info(folder / "linvt").training
    assert learnt["joint_steps"] == TINY.joint_steps + MORE.joint_steps
    assert learnt["cover_steps"] == TINY.cover_steps + MORE.cover_steps
    assert learnt["num_clips"] == TINY.num_clips + MORE.num_clips
    assert any(line.startswith("readers: step 2 of 2") for line in told)
    assert any(line.startswith("joint: step 4 of 4") for line in told)


@pytest.mark.slow
def test_a_run_that_is_broken_off_ends_at_the_same_weights(finished, whole, begun):
    def stop(line: str) -> None:
        if line.startswith("readers: step 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_continued(begun, finished, MORE, on_progress=stop)
    again = run_continued(begun, finished, MORE, on_progress=lambda _: None)
    for one, other in ((whole / "nano", again), (whole / "nano" / "linvt", again / "linvt")):
        expected, found = weights(one), weights(other)
        assert all(torch.equal(expected[name], found[name]) for name in expected)


@pytest.mark.slow
def test_products_in_bfloat16_leave_the_losses_as_they_are_but_for_rounding(finished, whole, begun):
    run_continued(begun, finished, MORE, bfloat16=True, on_progress=lambda _: None)
    losses = [
        [metrics.loss for metrics in read_metrics(folder / "metrics.jsonl")]
        for folder in (whole, begun)
    ]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)
    assert losses[1] != losses[0]


@pytest.mark.slow
def test_weights_may_go_a_part_of_the_way_and_another_part_without_learning_again(
    finished, whole, tmp_path
):
    lines: list[str] = []
    folders = {}
    shutil.copytree(whole, tmp_path / "run")
    for way in (1.0, 0.0, 0.25):
        if way != 1.0:
            run_continued(tmp_path / "run", finished, MORE, way=way, on_progress=lines.append)
        folders[way] = {
            name: {key: tensor.float() for key, tensor in weights(tmp_path / "run" / name).items()}
            for name in ("nano", "nano/linvt")
        }
    assert not any(line.startswith("joint: step") for line in lines)
    moved = 0.0
    for name, last in folders[1.0].items():
        for key, end in last.items():
            begin, between = folders[0.0][name][key], folders[0.25][name][key]
            assert torch.allclose(between, begin + 0.25 * (end - begin), atol=2e-3, rtol=2e-3)
            moved = max(moved, float((end - begin).abs().max()))
    assert moved > 0
    for key, tensor in weights(finished).items():
        assert torch.equal(folders[0.0]["nano"][key], tensor.float())


def test_the_heads_learn_first_and_alone(finished, begun):
    seen: dict[str, dict[str, torch.Tensor]] = {}

    def note(line: str) -> None:
        if line.startswith("readers: step 2"):
            seen.update({"readers": load_file(begun / "readers.safetensors")})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_continued(begun, finished, MORE, on_progress=note)
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
