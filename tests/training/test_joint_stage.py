from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from linvt_cli.training.banks import Banks
from linvt_cli.training.examples import ClipBank
from linvt_cli.training.joint_stage import (
    MOSTLY_BUSY,
    MOSTLY_USUAL,
    Cycle,
    JointStage,
    joint_stage,
)
from linvt_cli.training.optimizer import Muon
from linvt_cli.training.schedule import BUSY
from linvt_cli.training.trainer import Metrics, Stage, TrainingOptions, optimizers_of, run_stage
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer
from tests.tiny_models import tiny_nano
from tests.training.test_linvt_stage import CONFIG, weights_of


def busy_bank(bank: ClipBank) -> ClipBank:
    """The features of usual clips, as if they were those of busy ones."""
    clips = replace(bank.cache.clips, difficulty=BUSY)
    return ClipBank(tiny_nano(), replace(bank.cache, clips=clips))


def tiny_joint_stage(
    bank: ClipBank, hard_bank: ClipBank, num_steps: int = 6, cycle: Cycle = MOSTLY_USUAL
) -> JointStage:
    torch.manual_seed(0)
    banks = Banks(bank, bank, busy_bank(bank), busy_bank(bank), hard_bank, hard_bank)
    linvt = LinearVideoTokenizer(CONFIG)
    return joint_stage(
        tiny_nano(), linvt, banks, num_steps=num_steps, cycle=cycle, batch_size=2, by_muon=True
    )


def test_linvt_and_the_language_model_learn_and_what_they_see_stays(
    bank: ClipBank, hard_bank: ClipBank, tmp_path: Path
) -> None:
    stage = tiny_joint_stage(bank, hard_bank)
    nano, readers = stage.usual.nano.model, stage.image.readers
    before = [weights_of(module) for module in (nano, readers, stage.usual.linvt)]
    run_stage(stage, tmp_path, TrainingOptions(), lambda metrics: None)
    now = [weights_of(module) for module in (nano, readers, stage.usual.linvt)]
    moved = [
        {name for name in old if not old[name].equal(new[name])}
        for old, new in zip(before, now, strict=True)
    ]
    assert {name.split(".")[0] for name in moved[0]} == {"visual_layers", "language_model"}
    assert {name.split(".")[0] for name in moved[1]} == {"narrator", "mentions", "order", "sizes"}
    assert moved[2]


def test_layers_of_the_image_llm_learn_by_muon_and_linvt_by_adamw(
    bank: ClipBank, hard_bank: ClipBank
) -> None:
    stage = tiny_joint_stage(bank, hard_bank)
    learnt = {
        name: weight
        for prefix, module in stage.trained_modules()
        for name, weight in module.named_parameters(prefix)
        if weight.requires_grad
    }
    adamw, muon = optimizers_of(stage, list(learnt.values()), 0.1)
    assert isinstance(muon, Muon)
    by_muon = {weight for group in muon.param_groups for weight in group["params"]}
    assert by_muon == {
        weight for name, weight in learnt.items() if ".layers." in name and weight.ndim == 2
    } - {*stage.usual.linvt.parameters()}
    assert len(by_muon) == 7 * 3  # of three layers
    assert sum(len(group["params"]) for group in adamw.param_groups) == len(learnt) - len(by_muon)


@pytest.mark.slow
def test_a_run_that_is_broken_off_after_a_step_on_pictures_ends_at_the_same_weights(
    bank: ClipBank, hard_bank: ClipBank, tmp_path: Path
) -> None:
    """LinVT has no part in such a step, and what tells sizes has a part in no other."""
    options = TrainingOptions(save_every=6, log_every=6)

    def stop(metrics: Metrics) -> None:
        if metrics.step == 6:
            raise KeyboardInterrupt

    def train(name: str, on_metrics: Callable[[Metrics], None]) -> list[torch.Tensor]:
        stage = tiny_joint_stage(bank, hard_bank, num_steps=10)
        (tmp_path / name).mkdir(exist_ok=True)
        run_stage(stage, tmp_path / name, options, on_metrics)
        return [w for _, module in stage.trained_modules() for w in module.parameters()]

    whole = train("whole", lambda metrics: None)
    with pytest.raises(KeyboardInterrupt):
        train("cut", stop)
    assert all(map(torch.equal, train("cut", lambda metrics: None), whole))


def test_clips_of_every_kind_and_storyboards_take_turns(
    bank: ClipBank, hard_bank: ClipBank
) -> None:
    stage = tiny_joint_stage(bank, hard_bank)
    usual, busy, hard = stage.clips["usual"], stage.clips["busy"], stage.clips["hard"]
    parts: list[Stage] = [usual, busy, usual, stage.image, usual, hard]
    for step, part in enumerate(parts):
        assert stage.loss(step).item() == part.loss(step).item()
    assert busy.linvt is hard.linvt is usual.linvt
    assert busy.readers is hard.readers is usual.readers is stage.image.readers


def test_busy_clips_and_their_storyboards_take_most_turns_at_last(
    bank: ClipBank, hard_bank: ClipBank
) -> None:
    stage = tiny_joint_stage(bank, hard_bank, cycle=MOSTLY_BUSY)
    usual, busy, hard = stage.clips["usual"], stage.clips["busy"], stage.clips["hard"]
    boards = stage.images["busy pictures"]
    parts: list[Stage] = [boards, busy, boards, usual, boards, busy, stage.image, hard]
    for step, part in enumerate(parts):
        assert stage.loss(step).item() == part.loss(step).item()
    assert boards.train.cache.clips.difficulty == BUSY
    assert boards.readers is stage.image.readers


def test_no_busy_clip_is_shown_as_a_still(bank: ClipBank, hard_bank: ClipBank) -> None:
    stage = tiny_joint_stage(bank, hard_bank)
    shares = {part: image.drawing.still_share(1) for part, image in stage.images.items()}
    assert shares == {"pictures": 0.25, "busy pictures": 0}


def test_validation_tells_the_kinds_of_clips_apart(bank: ClipBank, hard_bank: ClipBank) -> None:
    shares = tiny_joint_stage(bank, hard_bank).validate()
    assert {"all", "describe", "foreign", "busy all", "hard all", "hard foreign"} <= set(shares)
