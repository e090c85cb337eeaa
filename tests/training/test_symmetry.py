from __future__ import annotations

import numpy as np
import pytest

from linvt_cli.training.render import Renderer
from linvt_cli.training.symmetry import IDENTITY, SYMMETRIES, Symmetry
from linvt_cli.training.world import make_clip, state_at

SIDE = 6


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_cells_go_where_places_go(symmetry: Symmetry) -> None:
    """A thing in the middle of a cell stands in the middle of that cell's new place."""
    clip = make_clip(5, "train")
    turned = symmetry.clip(clip)
    cells = symmetry.cells(SIDE)
    for thing in range(len(clip.things)):
        for fraction in np.linspace(0.01, 0.99, 25):
            old, new = (state_at(c, thing, float(fraction)) for c in (clip, turned))
            assert (old.visible, old.size) == (new.visible, new.size)
            if not (0 < old.x < 1 and 0 < old.y < 1):
                continue
            old_cell, new_cell = (int(p.y * SIDE) * SIDE + int(p.x * SIDE) for p in (old, new))
            assert cells[new_cell] == old_cell


@pytest.mark.parametrize("symmetry", SYMMETRIES)
@pytest.mark.parametrize("seed", range(12))
def test_directions_say_what_the_tracks_do(symmetry: Symmetry, seed: int) -> None:
    clip = symmetry.clip(make_clip(seed, "train"))
    for event in clip.events:
        before, after = (state_at(clip, event.thing, t) for t in (event.start, event.end))
        across, down = after.x - before.x, after.y - before.y
        toward = {
            "moves": {"left": -across, "right": across, "up": -down, "down": down},
            "enters": {"left": across, "right": -across, "top": down, "bottom": -down},
            "leaves": {"left": -across, "right": across, "top": -down, "bottom": down},
        }
        if event.action in toward:
            assert toward[event.action][str(event.direction)] > 0.1


def test_the_eight_symmetries_are_different_and_one_does_nothing() -> None:
    orders = {tuple(symmetry.cells(SIDE)) for symmetry in SYMMETRIES}
    assert len(orders) == 8
    assert IDENTITY.cells(SIDE).tolist() == list(range(SIDE * SIDE))
    clip = make_clip(3, "train")
    assert IDENTITY.clip(clip) == clip


def test_a_turned_clip_can_be_drawn() -> None:
    clip = Symmetry(transposes=True).clip(make_clip(3, "train"))
    frame = Renderer().frame(clip, 0.5, (clip.width, clip.height))
    assert frame.shape == (clip.height, clip.width, 3)
