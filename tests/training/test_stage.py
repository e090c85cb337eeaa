from __future__ import annotations

import numpy as np
import pytest

from linvt_cli.training.schedule import Slot, schedule
from linvt_cli.training.stage import Track, half_box, lay_tracks
from linvt_cli.training.vocabulary import Action


def staged(action: Action, *, aspect: float = 1.5) -> tuple[Track, str | None]:
    slots = (Slot(0, action, 0.3, 0.6),)
    laid = lay_tracks(slots, 1, aspect, np.random.default_rng(3))
    assert laid is not None
    (track,), (direction,) = laid
    return track, direction


@pytest.mark.parametrize(("action", "time"), [("enters", 0.3), ("leaves", 0.6)])
def test_a_slide_begins_or_ends_just_out_of_view(action: Action, time: float) -> None:
    track, direction = staged(action)
    placed = track.at(time)
    half_x, half_y = half_box(placed.size, 1.5)
    outside = {
        "left": placed.x + half_x,
        "right": 1 - placed.x + half_x,
        "top": placed.y + half_y,
        "bottom": 1 - placed.y + half_y,
    }
    assert direction is not None
    assert outside[direction] == pytest.approx(0.0, abs=1e-9)


def test_a_move_goes_the_way_it_is_called() -> None:
    track, direction = staged("moves")
    start, end = track.at(0.3), track.at(0.6)
    gone = {
        "left": start.x - end.x,
        "right": end.x - start.x,
        "up": start.y - end.y,
        "down": end.y - start.y,
    }
    assert direction is not None
    assert gone[direction] >= 0.3
    assert sum(abs(way) > 1e-9 for way in gone.values()) == 2


@pytest.mark.parametrize(("action", "factor"), [("grows", 1.6), ("shrinks", 1 / 1.6)])
def test_sizes_change_clearly(action: Action, factor: float) -> None:
    track, _ = staged(action)
    ratio = track.at(0.6).size / track.at(0.3).size
    assert ratio >= factor if factor > 1 else ratio <= factor


def test_a_blink_hides_twice_and_ends_in_view() -> None:
    track, _ = staged("blinks")
    seen = [track.at(time).visible for time in (0.29, 0.35, 0.45, 0.55, 0.61)]
    assert seen == [True, False, True, False, True]


def test_backwards_twice_is_forwards() -> None:
    track, _ = staged("enters")
    again = track.backwards().backwards()
    for time in np.linspace(0.01, 0.99, 25):
        now, then = track.at(float(time)), again.at(float(time))
        assert (now.x, now.y, now.size) == pytest.approx((then.x, then.y, then.size))
        assert now.visible == then.visible


def test_things_never_touch() -> None:
    checked = 0
    for seed in range(80):
        rng = np.random.default_rng(seed)
        laid = lay_tracks(schedule(4, rng), 4, 16 / 9, rng)
        if laid is None:
            continue
        checked += 1
        for time in np.linspace(0, 1, 50):
            placed = [track.at(float(time)) for track in laid[0]]
            for i, one in enumerate(placed):
                for other in placed[:i]:
                    if one.visible and other.visible:
                        far_x = abs(one.x - other.x) * 16 / 9 >= (one.size + other.size) / 2
                        far_y = abs(one.y - other.y) >= (one.size + other.size) / 2
                        assert far_x or far_y
    assert checked > 10
