"""Every stage of the recipe with worker processes: the same steps, whoever draws the batches."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from linvt_cli.training import still_drawing
from linvt_cli.training.examples import ClipBank
from linvt_cli.training.image_stage import ImageStage
from linvt_cli.training.linvt_stage import LinVTStage
from linvt_cli.training.readers import Readers
from linvt_cli.training.trainer import DrawnStage, Stage, TrainingOptions, run_stage
from linvt_cli.training.vision_stage import VisionStage
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer
from tests.tiny_models import tiny_nano
from tests.training.test_coverage_stage import coverage_stage
from tests.training.test_joint_stage import tiny_joint_stage
from tests.training.test_linvt_stage import CONFIG

pytestmark = pytest.mark.slow
OPTIONS = TrainingOptions(warmup_steps=2, save_every=2, log_every=1, validate_every=99)
NUM_STEPS = 5


def image_stage(bank: ClipBank) -> Stage:
    return ImageStage(tiny_nano(), bank, bank, num_steps=NUM_STEPS, num_tokens=16, batch_size=3)


def linvt_stage(bank: ClipBank) -> Stage:
    nano = tiny_nano()
    return LinVTStage(
        nano,
        LinearVideoTokenizer(CONFIG),
        bank,
        bank,
        name="linvt",
        num_steps=NUM_STEPS,
        batch_size=2,
        turns_per_clip=2,
        readers=Readers(nano.embed_dim),
    )


STAGES: dict[str, Callable[[ClipBank, ClipBank], Stage]] = {
    "vision": lambda bank, hard: VisionStage(tiny_nano(), num_steps=NUM_STEPS, batch_size=4),
    "image": lambda bank, hard: image_stage(bank),
    "cover": lambda bank, hard: coverage_stage(bank, NUM_STEPS),
    "linvt": lambda bank, hard: linvt_stage(bank),
    "joint": lambda bank, hard: tiny_joint_stage(bank, hard, NUM_STEPS),
}


Banks = tuple[ClipBank, ClipBank]


def run(
    name: str, banks: Banks, folder: Path, num_workers: int, stop_at: int | None = None
) -> tuple[list[float], list[Tensor]]:
    """Train a stage; return the losses of its steps and its weights."""
    torch.manual_seed(0)
    stage = STAGES[name](*banks)
    assert isinstance(stage, DrawnStage)
    folder.mkdir(exist_ok=True)
    losses: list[float] = []

    def note(step: int, loss: float) -> None:
        losses.append(loss)
        if step == stop_at:
            raise KeyboardInterrupt

    run_stage(stage, folder, OPTIONS, lambda m: note(m.step, m.loss), num_workers=num_workers)
    return losses, [
        weight for _, module in stage.trained_modules() for weight in module.parameters()
    ]


@pytest.fixture(autouse=True)
def few_stills_to_validate_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take no part in the steps."""
    monkeypatch.setattr(still_drawing, "_VALIDATION_CLIPS", 4)


@pytest.mark.parametrize("name", STAGES)
def test_steps_are_the_same_with_workers_and_without_and_when_a_run_is_resumed(
    name: str, bank: ClipBank, hard_bank: ClipBank, tmp_path: Path
) -> None:
    banks = bank, hard_bank
    losses, weights = run(name, banks, tmp_path / "alone", 0)
    assert len(losses) == NUM_STEPS
    drawn_losses, drawn_weights = run(name, banks, tmp_path / "drawn", 2)
    assert drawn_losses == losses
    assert all(map(torch.equal, drawn_weights, weights))

    with pytest.raises(KeyboardInterrupt):
        run(name, banks, tmp_path / "cut", 2, stop_at=3)
    assert not multiprocessing.active_children()
    _, resumed = run(name, banks, tmp_path / "cut", 2)
    assert all(map(torch.equal, resumed, weights))
