from __future__ import annotations

from pathlib import Path

import pytest

from linvt_cli.errors import ConfigError
from linvt_cli.training.tuning.settings import (
    LoraShape,
    Optimization,
    TokenizerShape,
    TuningSettings,
)

RUN = Path("run")
DATA = (Path("data.jsonl"),)


@pytest.mark.parametrize(
    "changes",
    [
        {"num_steps": 0},
        {"num_epochs": 0.0},
        {"batch_size": 0},
        {"accumulate": 0},
        {"save_every": 0},
        {"learning_rate": 0.0},
        {"learning_rate": 1.5},
    ],
    ids=str,
)
def test_numbers_with_which_nothing_is_learnt_are_refused(changes):
    with pytest.raises(ConfigError) as caught:
        Optimization(**changes)
    assert caught.value.hint


def test_a_lora_without_rank_is_refused():
    with pytest.raises(ConfigError, match="rank 0"):
        LoraShape(rank=0)


def test_a_run_needs_data():
    with pytest.raises(ConfigError, match="no data"):
        TuningSettings("nano", RUN, ())


def test_a_linvt_to_begin_with_has_its_own_shape():
    with pytest.raises(ConfigError, match="shape of its own"):
        TuningSettings("nano", RUN, DATA, checkpoint="x", shape=TokenizerShape())


def test_float16_is_refused():
    with pytest.raises(ConfigError, match="float16"):
        TuningSettings("nano", RUN, DATA, dtype="float16")
