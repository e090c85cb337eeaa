from __future__ import annotations

from pathlib import Path

import pytest
import torch

from linvt_cli.config import LinVTConfig
from linvt_cli.training.coverage_stage import CoverageStage
from linvt_cli.training.examples import ClipBank
from linvt_cli.training.features import NUM_FRAMES
from linvt_cli.training.trainer import TrainingOptions, run_stage
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer
from tests.tiny_models import tiny_nano

CONFIG = LinVTConfig(
    embed_dim=24, scales=(1,), num_queries=(NUM_FRAMES,), num_kept=64, score_dim=16, num_heads=2
)


def coverage_stage(bank: ClipBank, num_steps: int = 120) -> CoverageStage:
    torch.manual_seed(0)
    return CoverageStage(
        tiny_nano(),
        LinearVideoTokenizer(CONFIG),
        bank,
        bank,
        num_steps=num_steps,
        batch_size=4,
        learning_rate=1e-2,
    )


def test_things_have_tokens_in_the_end_and_nano_stays_as_it_is(
    bank: ClipBank, tmp_path: Path
) -> None:
    stage = coverage_stage(bank)
    nano = {name: tensor.clone() for name, tensor in stage.nano.model.state_dict().items()}
    stage.linvt.eval()
    assert stage.validate()["all"] < 0.5
    stage.linvt.train()
    options = TrainingOptions(warmup_steps=5)
    run_stage(stage, tmp_path, options, lambda metrics: None)
    stage.linvt.eval()
    assert stage.validate()["all"] > 0.9
    assert all(now.equal(nano[name]) for name, now in stage.nano.model.state_dict().items())


def test_the_same_step_has_the_same_loss(bank: ClipBank) -> None:
    stage = coverage_stage(bank)
    assert stage.loss(5).item() == stage.loss(5).item()
    assert stage.loss(5).item() != stage.loss(6).item()


def test_shares_are_told_by_the_number_of_things_in_a_frame(bank: ClipBank) -> None:
    bank.cache.cover[0, :8, 1, 2] = 255  # a second thing in half the frames of one of six clips
    stage = coverage_stage(bank)
    stage.linvt.eval()
    told = stage.validate()
    assert told.keys() == {"all", "of 1", "of 2"}
    things = 6 * NUM_FRAMES + 8
    expected = (told["of 1"] * (things - 16) + told["of 2"] * 16) / things
    assert told["all"] == pytest.approx(expected)
