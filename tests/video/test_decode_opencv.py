from __future__ import annotations

from array import array
from dataclasses import replace

import pytest

from linvt_cli.video.decode_opencv import decode_opencv
from linvt_cli.video.probe import read_index
from tests.video.numbered import read


def nothing() -> None:
    """Stands where progress would be counted."""


@pytest.mark.parametrize("seeks", [True, False])
@pytest.mark.parametrize(
    "name", ["vp9", "h264, near key frames", "h264, uneven times", "h264, late start", "av1"]
)
def test_frames_are_reached_by_seeking_and_by_walking(name, seeks, clip_file):
    index = read_index(clip_file(name))
    wanted = [0, 1, 55, 100, 118]
    decoded = decode_opencv(index, wanted, advance=nothing, seeks=seeks)
    assert [(number, read(pixels)) for number, pixels in decoded] == [(n, n) for n in wanted]


def test_frames_are_given_as_coded_and_turned_elsewhere(clip_file):
    index = read_index(clip_file("h264, turned by 90"))
    ((_, pixels),) = decode_opencv(index, [5], advance=nothing)
    assert pixels.shape == (128, 160, 3)


def test_a_frame_whose_time_contradicts_the_index_is_not_believed(clip_file):
    index = read_index(clip_file("vp9"))
    times = array("d", index.frame_times)
    times[60] += 0.011
    wrong = replace(index, frame_times=times)
    decoded = decode_opencv(wrong, [10, 59, 60, 61], advance=nothing, seeks=False)
    assert [number for number, _ in decoded] == [10, 59]


def test_reading_stops_where_the_file_breaks_off(clip_file, tmp_path):
    whole = read_index(clip_file("vp9"))
    content = clip_file("vp9").read_bytes()
    (tmp_path / "cut.webm").write_bytes(content[: len(content) // 2])
    index = replace(whole, path=tmp_path / "cut.webm")
    assert [n for n, _ in decode_opencv(index, [5, 110], advance=nothing, seeks=False)] == [5]
