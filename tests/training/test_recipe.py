from __future__ import annotations

from pathlib import Path

import pytest

from linvt_cli.backbones.nano import Nano
from linvt_cli.config import LinVTConfig
from linvt_cli.errors import ConfigError
from linvt_cli.training import recipe as recipe_module
from linvt_cli.training.recipe import NanoRecipe, run_recipe

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
    busy_steps=3,
    vocab_size=400,
    embed_dim=48,
    linvt=LinVTConfig(
        embed_dim=48, scales=(1, 2), num_queries=(16, 16), num_kept=64, score_dim=16, num_heads=2
    ),
)


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
