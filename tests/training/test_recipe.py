from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from linvt_cli.backbones.nano import Nano
from linvt_cli.backbones.nano_model import load_nano
from linvt_cli.config import LinVTConfig
from linvt_cli.errors import ConfigError
from linvt_cli.training import recipe as recipe_module
from linvt_cli.training.recipe import NanoRecipe, run_recipe
from linvt_cli.video_tokenizer.checkpoint import load_checkpoint

TINY = NanoRecipe(
    vision_steps=2,
    num_clips=3,
    num_foreign=1,
    num_validation_clips=1,
    num_validation_foreign=1,
    num_busy=2,
    num_validation_busy=1,
    num_hard=1,
    num_validation_hard=1,
    image_steps=2,
    cover_steps=1,
    instruct_steps=2,
    joint_steps=4,
    vocab_size=400,
    embed_dim=48,
    linvt=LinVTConfig(
        embed_dim=48, scales=(1, 2), num_queries=(16, 16), num_kept=64, score_dim=16, num_heads=2
    ),
)


@pytest.mark.slow
def test_the_recipe_makes_a_model_that_loads_and_a_second_run_has_nothing_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    folder = run_recipe(tmp_path, TINY, on_progress=lines.append)
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
    metrics = (tmp_path / "metrics.jsonl").read_text().splitlines()
    stages = {json.loads(line)["stage"] for line in metrics}
    assert stages == {"vision", "image", "linvt-cover", "linvt-instruct", "joint"}

    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    monkeypatch.setattr("linvt_cli.pipeline.figures.find_spec", lambda name: None)
    run_recipe(tmp_path, TINY, on_progress=lines.append)
    assert "linvt[train]" in lines[-1]
    assert (tmp_path / "metrics.jsonl").read_text().splitlines() == metrics
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before

    with pytest.raises(ConfigError, match="joint_steps was 4, and is 5"):
        run_recipe(tmp_path, replace(TINY, joint_steps=5), on_progress=lines.append)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before

    (tmp_path / "recipe.json").unlink()  # as in a folder of old
    run_recipe(tmp_path, TINY, on_progress=lines.append)
    assert json.loads((tmp_path / "recipe.json").read_text())["joint_steps"] == 4


def test_a_scaled_recipe_has_fewer_clips_and_steps_and_the_same_model() -> None:
    whole, part = NanoRecipe(), NanoRecipe().scaled(0.1)
    assert part.num_clips == round(whole.num_clips * 0.1)
    assert part.image_steps == round(whole.image_steps * 0.1)
    assert part.linvt == whole.linvt


def test_the_language_model_multiplies_in_bfloat16_from_the_first_stage_where_that_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Halved(Exception):
        pass

    def halve(nano: Nano) -> None:
        raise Halved

    monkeypatch.setattr(recipe_module, "halve_products", halve)
    with pytest.raises(Halved):
        run_recipe(tmp_path, TINY, bfloat16=True, on_progress=lambda line: None)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["recipe.json", "tokenizer.json"]
    with pytest.raises(ConfigError, match="bfloat16 was True, and is False"):
        run_recipe(tmp_path, TINY, on_progress=lambda line: None)
