from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from linvt_cli.training.examples import ClipBank
from linvt_cli.training.image_stage import ImageStage
from linvt_cli.training.trainer import TrainingOptions, run_stage
from tests.tiny_models import tiny_nano


def weights_of(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def test_the_image_stage_moves_all_but_the_vision_encoder(bank: ClipBank, tmp_path: Path) -> None:
    nano = tiny_nano()
    stage = ImageStage(nano, bank, bank, num_steps=3, num_tokens=16, batch_size=4)
    before = weights_of(nano.model)
    run_stage(stage, tmp_path, TrainingOptions(), lambda metrics: None)
    moved = {name for name, now in nano.model.state_dict().items() if not now.equal(before[name])}
    assert {name.split(".")[0] for name in moved} == {
        "projector",
        "positions",
        "visual_layers",
        "language_model",
    }


@pytest.mark.slow
def test_the_image_stage_learns_a_handful_of_clips_by_heart(bank: ClipBank, tmp_path: Path) -> None:
    nano = tiny_nano()
    stage = ImageStage(
        nano, bank, bank, num_steps=60, num_tokens=16, batch_size=6, learning_rate=1e-2
    )
    losses: list[float] = []
    options = TrainingOptions(warmup_steps=5, log_every=20, validate_every=1000)
    run_stage(stage, tmp_path, options, lambda metrics: losses.append(metrics.loss))
    assert losses[-1] < 0.85 * losses[0]


def test_storyboards_come_in_slowly_and_some_stills_remain(bank: ClipBank) -> None:
    stage = ImageStage(
        tiny_nano(), bank, bank, num_steps=9, num_tokens=16, stills_first=2, mixing=4
    )
    shares = [stage.drawing.still_share(step) for step in range(9)]
    assert shares[:3] == [1.0, 1.0, 1.0]
    assert shares == sorted(shares, reverse=True)
    assert shares[4] == pytest.approx((1 + shares[-1]) / 2)
    assert 0 < shares[6] == shares[-1] < 0.5


def test_sequences_are_about_equally_long_so_that_little_is_padding(bank: ClipBank) -> None:
    stage = ImageStage(tiny_nano(), bank, bank, num_steps=1, num_tokens=16, sequence_length=200)
    rng = np.random.default_rng(0)
    scenes = [bank.draw(rng) for _ in range(12)]
    selections, turns = stage.drawing.select(scenes, rng, 0.5)
    lengths = [
        len(chosen.first) + sum(len(turn.suffix) + len(turn.answer) for turn in row)
        for chosen, row in zip(selections, turns, strict=True)
    ]
    assert max(lengths) <= 200
    assert np.mean(lengths) > 0.8 * max(lengths)
