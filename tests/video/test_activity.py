from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from linvt_cli.video.activity import Burst, changed_areas, find_bursts
from tests.video.drawn import drawn_frames, room

PAUSE = 0.2


def still(count: int, x: int | None, first_seed: int = 0) -> list[np.ndarray]:
    return [room(x, seed=first_seed + number) for number in range(count)]


def test_a_stretch_of_motion_is_one_burst_between_its_still_frames():
    way = [room(x, seed=x) for x in range(12, 72, 2)]
    frames = drawn_frames([*still(20, 10), *way, *still(20, 72)])
    assert find_bursts(frames, PAUSE) == (Burst(19, 50),)


def test_a_sudden_change_lies_between_two_neighbours():
    frames = drawn_frames([*still(20, None), *still(20, 40)])
    assert find_bursts(frames, PAUSE) == (Burst(19, 20),)


def test_a_pause_parts_two_bursts_and_a_shorter_one_does_not():
    way, back = [room(x, seed=x) for x in range(12, 42, 2)], [room(x) for x in range(42, 72, 2)]
    parted = drawn_frames([*still(9, 10), *way, *still(9, 40), *back, *still(9, 72)])
    assert len(find_bursts(parted, PAUSE)) == 2
    assert len(find_bursts(parted, 3.0)) == 1


def test_noise_alone_is_stillness():
    assert find_bursts(drawn_frames(still(40, 30)), PAUSE) == ()


def test_edges_that_change_a_little_at_a_key_frame_are_no_activity():
    board = np.kron(np.indices((18, 24)).sum(axis=0) % 2, np.ones((4, 4), int))[..., None]
    one = np.repeat(60 + 100 * board, 3, axis=2)
    edges = one != np.roll(one, 1, axis=1)
    sign = np.where(np.indices(one.shape[:2]).sum(axis=0)[..., None] % 2, 14, -14)
    other = np.where(edges, one + sign, one)
    pictures = [each.astype(np.uint8) for each in [one] * 15 + [other] * 15]
    assert find_bursts(drawn_frames(pictures), PAUSE) == ()


def test_a_thing_that_blinks_is_one_burst():
    phases = [still(20, 40), still(8, None), still(8, 40), still(8, None), still(20, 40)]
    frames = drawn_frames([picture for phase in phases for picture in phase])
    assert find_bursts(frames, PAUSE) == (Burst(19, 44),)


@pytest.mark.parametrize("between", [1, 2, 4])
@pytest.mark.parametrize("num_flashes", [2, 3])
def test_flashes_within_a_pause_are_one_burst(between, num_flashes):
    flashes = [picture for _ in range(num_flashes) for picture in [*still(between, None), room(40)]]
    frames = drawn_frames([*still(40, None), *flashes, *still(40, None)])
    bursts = find_bursts(frames, 0.6)
    assert all(one.last <= other.first for one, other in pairwise(bursts))
    assert len(bursts) == 1


def test_what_appears_and_later_disappears_are_two_bursts():
    frames = drawn_frames([*still(15, None), *still(15, 40), *still(15, None)])
    assert len(find_bursts(frames, PAUSE)) == 2


def test_changes_at_an_uneven_pace_stay_apart():
    phases = [still(20, 40), still(4, None), still(20, 40), still(9, None), still(20, 40)]
    frames = drawn_frames([picture for phase in phases for picture in phase])
    assert len(find_bursts(frames, PAUSE)) == 4


def test_motion_from_the_first_frame_to_the_last_fills_the_shot():
    frames = drawn_frames([room(x, seed=x) for x in range(2, 72, 2)])
    assert find_bursts(frames, PAUSE) == (Burst(0, 34),)


def test_fewer_frames_than_a_pause_and_a_single_one_are_no_trouble():
    assert find_bursts(drawn_frames(still(1, 3)), PAUSE) == ()
    assert find_bursts(drawn_frames([room(10), room(60)]), 100.0) == (Burst(0, 1),)


def test_the_changed_area_is_a_share_of_the_picture():
    (area,) = changed_areas(np.stack([np.zeros((8, 8, 3), np.uint8), half_white()]), lag=1)
    assert area == 0.5


def half_white() -> np.ndarray:
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:4] = 255
    return pixels
