from __future__ import annotations

from pathlib import Path

import torch

from linvt_cli.training.examples import ClipBank
from linvt_cli.training.image_stage import ImageStage
from linvt_cli.training.joint_stage import JointStage
from linvt_cli.training.linvt_stage import LinVTStage
from linvt_cli.training.trainer import TrainingOptions, run_stage
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer
from tests.tiny_models import tiny_nano
from tests.training.test_linvt_stage import CONFIG, weights_of


def joint_stage(bank: ClipBank, num_steps: int = 4) -> JointStage:
    nano = tiny_nano()
    torch.manual_seed(0)
    image = ImageStage(nano, bank, bank, num_steps=num_steps, num_tokens=16, batch_size=3)
    linvt = LinVTStage(
        nano,
        LinearVideoTokenizer(CONFIG),
        bank,
        bank,
        name="linvt",
        num_steps=num_steps,
        batch_size=2,
        turns_per_clip=2,
        readers=image.readers,
    )
    return JointStage(linvt, image, num_steps=num_steps)


def test_linvt_and_the_language_model_learn_and_what_they_see_stays(
    bank: ClipBank, tmp_path: Path
) -> None:
    stage = joint_stage(bank)
    nano, readers = stage.linvt.nano.model, stage.image.readers
    before = [weights_of(module) for module in (nano, readers, stage.linvt.linvt)]
    run_stage(stage, tmp_path, TrainingOptions(), lambda metrics: None)
    now = [weights_of(module) for module in (nano, readers, stage.linvt.linvt)]
    moved = [
        {name for name in old if not old[name].equal(new[name])}
        for old, new in zip(before, now, strict=True)
    ]
    assert {name.split(".")[0] for name in moved[0]} == {"visual_layers", "language_model"}
    assert {name.split(".")[0] for name in moved[1]} == {"narrator", "mentions", "order", "sizes"}
    assert moved[2]


def test_every_fourth_step_is_one_of_the_image_stage(bank: ClipBank) -> None:
    stage = joint_stage(bank)
    assert stage.loss(3).item() == stage.image.loss(3).item()
    assert stage.loss(4).item() == stage.linvt.loss(4).item()
