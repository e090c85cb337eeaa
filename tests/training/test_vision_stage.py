from __future__ import annotations

from pathlib import Path

import torch

from linvt_cli.training.trainer import TrainingOptions, run_stage
from linvt_cli.training.vision_stage import FIRST_TRAINED_BLOCK, CellReader, VisionStage
from linvt_cli.training.vocabulary import all_phrases
from tests.tiny_models import tiny_nano


def test_the_reader_gives_a_name_and_a_box_to_every_cell() -> None:
    names, boxes = CellReader()(torch.randn(2, 36, 768))
    assert names.shape == (2, 36, 2 + len(all_phrases()))
    assert boxes.shape == (2, 36, 3)


def test_the_stage_moves_the_deeper_blocks_only(tmp_path: Path) -> None:
    nano = tiny_nano()
    before = {name: tensor.clone() for name, tensor in nano.model.state_dict().items()}
    stage = VisionStage(nano, num_steps=2, batch_size=8)
    run_stage(stage, tmp_path, TrainingOptions(validate_every=9), lambda metrics: None)
    moved = {name for name, now in nano.model.state_dict().items() if not now.equal(before[name])}
    assert moved
    assert {name.split(".")[0] for name in moved} == {"vision"}
    blocks = {int(name.split(".")[2]) for name in moved}
    assert blocks == set(range(FIRST_TRAINED_BLOCK, 16))


def test_a_step_draws_the_same_stills_every_time_and_another_step_others() -> None:
    torch.manual_seed(0)
    stage = VisionStage(tiny_nano(), num_steps=2, batch_size=4)
    with torch.no_grad():
        first, again, other = (stage.loss(step).item() for step in (0, 0, 1))
    assert first == again != other


def test_validation_reads_names_nothing_foreign_cells_and_places() -> None:
    stage = VisionStage(tiny_nano(), num_steps=2)
    with torch.no_grad():
        accuracy = stage.validate()
    assert set(accuracy) == {"all", "foreign", "name", "nothing", "where"}
    assert all(0 <= share <= 1 for share in accuracy.values())
