from __future__ import annotations

from pathlib import Path

import pytest

from linvt_cli.errors import ConfigError
from linvt_cli.training.ablation.clip_sets import AblationRecipe, clip_caches
from linvt_cli.training.recipe import STATISTICS_CLIPS, NanoRecipe
from tests.tiny_models import tiny_nano

TINY = AblationRecipe(num_clips=2, num_foreign=1, num_test_clips=1, num_test_foreign=1)


def test_the_recipe_has_nanos_clips_and_its_linvt() -> None:
    recipe, nano = AblationRecipe(), NanoRecipe()
    assert recipe.linvt == nano.linvt
    assert (recipe.num_clips, recipe.num_foreign) == (nano.num_clips, nano.num_foreign)


def test_a_scaled_recipe_has_fewer_clips_and_steps_but_enough_to_standardize_by() -> None:
    part = AblationRecipe().scaled(0.1)
    assert (part.num_clips, part.num_test_clips, part.num_steps) == (840, 20, 60)
    assert AblationRecipe().scaled(0.001).num_clips == STATISTICS_CLIPS
    assert AblationRecipe().scaled(0.1, 7).num_steps == 7


def test_clips_to_learn_from_may_be_fewer_than_those_of_the_scale() -> None:
    whole = AblationRecipe()
    few = whole.scaled(1, num_clips=2100)
    assert (few.num_clips, few.num_foreign) == (2100, 225)
    assert (few.num_test_clips, few.num_steps) == (whole.num_test_clips, whole.num_steps)


def test_both_sets_are_made_once_and_of_different_splits(tmp_path: Path) -> None:
    lines: list[str] = []
    nano = tiny_nano()
    train, test = clip_caches(tmp_path, TINY, nano, lines.append)
    assert (train.clips.split, test.clips.split) == ("train", "test")
    assert (len(train.features), len(test.features)) == (3, 2)
    assert lines == ["train features: 3 of 3 clips", "test features: 2 of 2 clips"]
    clip_caches(tmp_path, TINY, nano, lines.append)
    assert len(lines) == 2


def test_features_of_other_clips_are_refused_and_left_alone(tmp_path: Path) -> None:
    nano = tiny_nano()
    clip_caches(tmp_path, TINY, nano, lambda line: None)
    file = tmp_path / "features" / "train" / "features.npy"
    before = file.read_bytes()
    more = AblationRecipe(num_clips=4, num_foreign=1, num_test_clips=1, num_test_foreign=1)
    with pytest.raises(ConfigError, match="features of other clips: num_clips was 2, and is 4"):
        clip_caches(tmp_path, more, nano, lambda line: None)
    assert file.read_bytes() == before
