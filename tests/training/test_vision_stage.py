from __future__ import annotations

from pathlib import Path

import pytest
import torch

from linvt_cli.training.packing import IGNORED
from linvt_cli.training.trainer import TrainingOptions, run_stage
from linvt_cli.training.vision_stage import (
    FIRST_TRAINED_BLOCK,
    CellReader,
    VisionStage,
    cell_labels,
    foreign_labels,
)
from linvt_cli.training.vocabulary import all_phrases
from linvt_cli.training.world import make_clip, state_at
from tests.tiny_models import tiny_nano

GRID = 6
FRACTIONS = (0.1, 0.5, 0.9)


@pytest.mark.parametrize("seed", range(6))
def test_the_cell_in_the_middle_of_a_thing_is_named_after_it(seed: int) -> None:
    clip = make_clip(seed, "train")
    labels = cell_labels(clip, FRACTIONS, GRID)
    for still, fraction in enumerate(FRACTIONS):
        for index, thing in enumerate(clip.things):
            placed = state_at(clip, index, fraction)
            if not placed.visible or not (0.05 < placed.x < 0.95 and 0.05 < placed.y < 0.95):
                continue
            row, column = int(placed.y * GRID), int(placed.x * GRID)
            cell = row * GRID + column
            assert labels.names[still, cell] == 2 + all_phrases().index(thing.phrase)
            right, down, size = labels.boxes[still, cell].tolist()
            assert (column + 0.5 + right) / GRID == pytest.approx(placed.x)
            assert (row + 0.5 + down) / GRID == pytest.approx(placed.y)
            assert size > 0.5


def test_cells_far_from_things_show_nothing_and_cells_at_an_edge_are_not_asked() -> None:
    names = torch.cat(
        [cell_labels(make_clip(seed, "train"), FRACTIONS, GRID).names for seed in range(9)]
    )
    assert (names == 0).any()
    assert (names == IGNORED).any()
    assert not (names == 1).any()
    assert (foreign_labels(2, GRID).names == 1).all()


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
