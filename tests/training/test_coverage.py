from __future__ import annotations

import numpy as np
import pytest
import torch

from linvt_cli.training.coverage import (
    coverage_loss,
    shown_cells,
    thing_shares,
    tokens_of_things,
)
from linvt_cli.training.examples import ClipBank, Scene
from linvt_cli.training.features import NUM_FRAMES
from linvt_cli.training.schedule import MAX_THINGS

KEPT = torch.tensor([[0, 1, 4, 5]])  # of 2 frames of 4 cells: cells 0 and 1 of both


def shown(*cells: tuple[int, int, int]) -> torch.Tensor:
    """One clip of 2 frames of 4 cells, in which (frame, thing, cell) shows that thing."""
    shown_BTAN = torch.zeros(1, 2, 2, 4)
    for frame, thing, cell in cells:
        shown_BTAN[0, frame, thing, cell] = 1
    return shown_BTAN


def test_half_a_cell_shows_a_thing_as_well_as_all_of_it(bank: ClipBank) -> None:
    bank.cache.cover[0, :, 0] = np.array([0, 64, 128, 255], np.uint8)
    cells = shown_cells(bank, [Scene(0, False, None)])
    assert cells.shape == (1, NUM_FRAMES, MAX_THINGS, 4)
    torch.testing.assert_close(
        cells[0, 0, 0], torch.tensor([0.0, 0.5, 1.0, 1.0]), atol=0.01, rtol=0
    )


def test_a_share_is_the_weight_on_the_cells_of_a_thing_in_a_frame() -> None:
    weights = torch.tensor([[[0.1, 0.2, 0.3, 0.4]]])
    shares = thing_shares(weights, KEPT, shown((0, 0, 0), (0, 0, 1), (1, 1, 1)))
    expected = torch.tensor([[[[0.3, 0.0], [0.0, 0.4]]]])  # frame by thing
    torch.testing.assert_close(shares, expected)


def test_what_was_not_kept_is_not_shown() -> None:
    shares = thing_shares(torch.full((1, 1, 4), 0.25), KEPT, shown((0, 0, 3)))
    assert shares.sum() == 0


def test_the_best_token_of_each_thing_and_frame_counts() -> None:
    cells = shown((0, 0, 0), (1, 0, 0))
    weights = torch.tensor([[[0.5, 0.5, 0.0, 0.0], [0.25, 0.0, 0.25, 0.5]]])
    loss = coverage_loss(thing_shares(weights, KEPT, cells), cells)
    assert loss.item() == pytest.approx(-(np.log(0.5) + np.log(0.25)) / 2)


def test_a_video_of_nothing_costs_nothing() -> None:
    cells = shown()
    weights = torch.full((1, 2, 4), 0.25, requires_grad=True)
    loss = coverage_loss(thing_shares(weights, KEPT, cells), cells)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0


def test_the_loss_pulls_weight_to_things() -> None:
    cells = shown((0, 0, 0), (1, 1, 1))
    logits = torch.zeros(1, 2, 4, requires_grad=True)
    optimizer = torch.optim.SGD([logits], lr=1.0)
    torch.manual_seed(0)
    with torch.no_grad():
        logits += 0.1 * torch.randn_like(logits)  # two equal tokens would stay equal
    for _ in range(100):
        loss = coverage_loss(thing_shares(logits.softmax(-1), KEPT, cells), cells)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert loss.item() < 0.05


def test_tokens_that_mostly_show_one_thing_are_known_by_it(bank: ClipBank) -> None:
    scenes = [bank.all_scenes()[-1], bank.all_scenes()[0]]  # a foreign one, and one of the world
    shares = torch.zeros(2, 3, 2, MAX_THINGS)
    shares[0, 0, 0, 0] = 1.0
    shares[1, 1, 0, 0] = 0.7
    shares[1, 2, 0, 0] = 0.5
    (one,) = tokens_of_things(shares, scenes)
    assert (one.row, one.thing, one.frame) == (4, 0, 0)
    assert one.clip == scenes[1].clip
