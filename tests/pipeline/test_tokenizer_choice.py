from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from linvt_cli.backbones.registry import find_backbone
from linvt_cli.errors import CheckpointError, ConfigError
from linvt_cli.pipeline.tokenizer_choice import TokenizerChoice, choose_tokenizer

BUNDLED, MINE = Path("assets/linvt"), Path("mine")


def choose(*, bundled: bool = True, **settings) -> TokenizerChoice:
    spec = replace(
        find_backbone("nano"),
        name="some",
        default_video_tokens=24,
        linvt=BUNDLED if bundled else None,
    )
    settings = {"tokenizer": None, "checkpoint": None, "num_video_tokens": None} | settings
    return choose_tokenizer(spec, **settings)


def test_the_bundled_checkpoint_is_used_where_nothing_is_said():
    assert choose() == TokenizerChoice("linvt", 24, BUNDLED, "bundled")


def test_a_named_checkpoint_goes_before_the_bundled_one():
    assert choose(checkpoint=MINE) == TokenizerChoice("linvt", 24, MINE, "mine")


def test_without_any_checkpoint_cluster_is_used():
    assert choose(bundled=False) == TokenizerChoice("cluster", 24)


def test_a_named_checkpoint_makes_it_linvt():
    assert choose(bundled=False, checkpoint=MINE).name == "linvt"


def test_linvt_without_any_checkpoint_is_an_error_with_the_way_out():
    with pytest.raises(CheckpointError, match="No LinVT checkpoint comes with backbone 'some'"):
        choose(bundled=False, tokenizer="linvt")


@pytest.mark.parametrize("name", ["cluster", "mean"])
def test_the_number_of_video_tokens_is_free_for_weight_free_tokenizers(name):
    assert choose(tokenizer=name, num_video_tokens=7) == TokenizerChoice(name, 7)


@pytest.mark.parametrize("name", ["linvt", "all", None])
def test_the_number_of_video_tokens_is_not_free_for_the_others(name):
    with pytest.raises(ConfigError, match="not free") as caught:
        choose(tokenizer=name, num_video_tokens=7)
    assert caught.value.field == "num_video_tokens"


@pytest.mark.parametrize("number", [0, -1])
def test_at_least_one_video_token_is_needed(number):
    with pytest.raises(ConfigError, match="At least one video token"):
        choose(tokenizer="mean", num_video_tokens=number)


@pytest.mark.parametrize("name", ["cluster", "mean", "all"])
def test_only_linvt_takes_a_checkpoint(name):
    with pytest.raises(ConfigError, match=f"'{name}' takes no checkpoint") as caught:
        choose(tokenizer=name, checkpoint=MINE)
    assert caught.value.field == "checkpoint"
