from __future__ import annotations

import numpy as np
import pytest
import torch

from linvt_cli.backbones.nano_model import normalize, squeeze
from linvt_cli.training.features import as_read, draw_stills, squeezed
from linvt_cli.training.packing import IGNORED
from linvt_cli.training.render import Renderer
from linvt_cli.training.still_drawing import StillDrawing, cell_labels, foreign_labels
from linvt_cli.training.vocabulary import all_phrases
from linvt_cli.training.world import make_clip, state_at

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
    names = np.concatenate(
        [cell_labels(make_clip(seed, "train"), FRACTIONS, GRID).names for seed in range(9)]
    )
    assert (names == 0).any()
    assert (names == IGNORED).any()
    assert not (names == 1).any()
    assert (foreign_labels(2, GRID).names == 1).all()


def test_a_step_alone_decides_its_stills_and_two_steps_share_none() -> None:
    drawing = StillDrawing(8, image_size=64, grid=2)
    first, again, other = drawing(0), drawing(0), drawing(1)
    assert first.pixels.shape == (8, 64, 64, 3)
    assert np.array_equal(first.pixels, again.pixels)
    assert np.array_equal(first.labels.names, again.labels.names)
    assert not np.array_equal(first.pixels, other.pixels)


def test_stills_are_read_as_inference_reads_pictures() -> None:
    """Guards the split: worker processes squeeze, and the device normalizes."""
    stills = draw_stills(make_clip(0, "train"), FRACTIONS, 64, np.random.default_rng(0), Renderer())
    read = as_read(squeezed(stills, 64), torch.device("cpu"))
    assert read.equal(normalize(squeeze(torch.from_numpy(stills), 64)))


def test_validation_draws_the_same_stills_whenever_it_is_asked() -> None:
    drawing = StillDrawing(4, image_size=64, grid=2)
    once, again = drawing.validation(), drawing.validation()
    assert len(once) == len(again) == 15
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(once, again, strict=True))
