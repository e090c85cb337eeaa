from __future__ import annotations

import numpy as np
import pytest

from linvt_cli.training.storyboard import storyboard, whole_still

NUM_FRAMES, NUM_CELLS = 8, 9


def cover_of(*cells: int | None) -> np.ndarray:
    """One thing that fills one cell in each frame, or none."""
    cover = np.zeros((NUM_FRAMES, 4, NUM_CELLS), np.uint8)
    for frame, cell in enumerate(cells):
        if cell is not None:
            cover[frame, 0, cell] = 255
    return cover


@pytest.mark.parametrize("seed", range(5))
def test_tokens_stand_in_time_order_and_span_all_frames(seed: int) -> None:
    cover = cover_of(*[frame % NUM_CELLS for frame in range(NUM_FRAMES)])
    chosen = storyboard(cover, 1, 32, np.random.default_rng(seed))
    frames = chosen.first // NUM_CELLS
    assert (np.diff(frames) >= 0).all()
    assert set(frames) == set(range(NUM_FRAMES))


@pytest.mark.parametrize("seed", range(5))
def test_every_frame_shows_its_visible_thing(seed: int) -> None:
    cells = [4, None, 2, 2, None, 8, 0, 1]
    chosen = storyboard(cover_of(*cells), 1, 32, np.random.default_rng(seed))
    for frame, cell in enumerate(cells):
        if cell is not None:
            assert frame * NUM_CELLS + cell in chosen.first


def test_shares_are_shares_and_sources_exist() -> None:
    chosen = storyboard(cover_of(*[3] * NUM_FRAMES), 1, 64, np.random.default_rng(0))
    assert (chosen.share >= 0.5).all()
    assert (chosen.share <= 1).all()
    for sources in (chosen.first, chosen.second):
        assert sources.min() >= 0
        assert sources.max() < NUM_FRAMES * NUM_CELLS


def test_a_foreign_clip_has_a_storyboard_too() -> None:
    chosen = storyboard(cover_of(*[None] * NUM_FRAMES), 0, 16, np.random.default_rng(0))
    assert len(chosen.first) == 16


def test_a_whole_still_is_its_frame_unblended() -> None:
    chosen = whole_still(2, NUM_CELLS)
    assert chosen.first.tolist() == list(range(18, 27))
    assert (chosen.share == 1).all()
