from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from linvt_cli.video.index import Orientation, Picture
from linvt_cli.video.probe import read_index

ONE = 1 << 16


def test_a_picture_grows_to_the_largest_size_and_never_shrinks():
    picture = Picture(320, 180, Fraction(1), Orientation(), interlaced=False)
    assert picture.grown_to({(90, 160)}) == picture
    grown = picture.grown_to({(90, 160), (720, 1280), (1000, 600)})
    assert (grown.height, grown.width) == (720, 1280)


@pytest.mark.parametrize(
    ("matrix", "orientation"),
    [
        ((ONE, 0, 0, 0, ONE, 0, 0, 0, 0), Orientation()),
        ((0, -ONE, 0, ONE, 0, 0, 0, 0, 0), Orientation(transpose=True, flip_y=True)),
        ((0, ONE, 0, -ONE, 0, 0, 0, 0, 0), Orientation(transpose=True, flip_x=True)),
        ((-ONE, 0, 0, 0, -ONE, 0, 0, 0, 0), Orientation(flip_x=True, flip_y=True)),
        ((-ONE, 0, 0, 0, ONE, 0, 0, 0, 0), Orientation(flip_x=True)),
    ],
)
def test_a_display_matrix_is_read_as_turns_and_mirrors(matrix, orientation):
    assert Orientation.from_matrix(matrix) == orientation


def test_the_shown_size_has_square_pixels_and_stands_upright():
    turned = Orientation(transpose=True)
    assert Picture(160, 120, Fraction(2), Orientation(), False).shown_size == (120, 320)
    assert Picture(160, 120, Fraction(2), turned, False).shown_size == (320, 120)


def test_frames_are_found_by_stamp_and_by_time(clip_file):
    index = read_index(clip_file("h264, near key frames"))
    assert index.stamps is not None
    for frame in (0, 1, 50, 119):
        packet = index.shown[frame]
        assert index.packet_with(index.stamps[packet]) == packet
        assert index.frame_of(packet) == frame
        assert index.frame_near(frame / 25 + 4e-4) == frame
        assert index.frame_near(frame / 25 + 4e-3) is None
    assert index.packet_with(index.stamps[3] + 1) is None
    assert index.packet_with(None) is None


def test_only_open_gops_are_called_open(clip_file):
    closed = read_index(clip_file("h264, near key frames"))
    open_gop = read_index(clip_file("h264, open GOP"))
    assert not any(closed.is_open_gop(key) for key in set(closed.restarts))
    assert any(open_gop.is_open_gop(key) for key in set(open_gop.restarts))


def test_frames_that_damage_hides_keep_their_numbers_when_others_are_left_out(clip_file):
    index = replace(read_index(clip_file("mjpeg")), lost=frozenset({3, 9}))
    assert index.without({1, 9}).lost == {2}


def test_decoding_can_begin_at_key_frames_only(clip_file):
    index = read_index(clip_file("h264, open GOP"))
    keys = [packet for packet in range(120) if index.is_key(packet)]
    assert keys == sorted(set(index.restarts))
    assert 0 in keys
    assert 3 <= len(keys) <= 6


def test_a_frame_left_out_lets_the_one_before_stay(clip_file):
    index = read_index(clip_file("h264, near key frames"))
    shorter = index.without({1, 2})
    assert list(shorter.frame_times[:3]) == [0.0, index.frame_times[3], index.frame_times[4]]
    assert shorter.frame_of(index.shown[2]) == 0
