from __future__ import annotations

import numpy as np

from linvt_cli.video.shots import find_cuts
from tests.video.drawn import SIZE, drawn_frames, noise


def pictures(count: int) -> list[np.ndarray]:
    """Pictures that have nothing in common."""
    return [np.kron(noise(seed, (6, 8)), np.ones((12, 12, 1), np.uint8)) for seed in range(count)]


def test_every_new_picture_is_a_cut_and_the_first_is_none():
    one, two, three = pictures(3)
    assert find_cuts(drawn_frames([one] * 10 + [two] * 12 + [three] * 9, fps=10)) == (10, 22)


def test_times_decide_not_numbers_of_frames():
    one, two = pictures(2)
    frames = drawn_frames([one] * 3 + [two] * 3, times=[0.0, 0.1, 5.0, 5.1, 9.0, 9.4])
    assert find_cuts(frames) == (3,)


def test_a_still_picture_a_pan_and_a_single_frame_have_no_cut():
    one, *_ = pictures(1)
    pan = [np.roll(one, shift, axis=1) for shift in range(20)]
    assert find_cuts(drawn_frames([one] * 20, fps=10)) == ()
    assert find_cuts(drawn_frames(pan, fps=10)) == ()
    assert find_cuts(drawn_frames([one], fps=10)) == ()
    assert one.shape[:2] == SIZE
