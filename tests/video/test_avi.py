from __future__ import annotations

from pathlib import Path

import pytest

from linvt_cli.config import FrameSampling
from linvt_cli.video.avi import Places, index_entries, place_packets
from linvt_cli.video.container import main_video_stream, open_container
from linvt_cli.video.probe import read_index
from linvt_cli.video.reader import read_frames
from linvt_cli.video.scan import scan_packets
from tests.video.clips import CLIPS
from tests.video.truth import wrong_frames


def places_in(path: Path, *, with_index: bool = True) -> Places | None:
    with open_container(path) as container:
        stream = main_video_stream(container, path)
        entries = index_entries(stream) if with_index else []
        scan = scan_packets(container, stream)
        return place_packets(scan, entries, container, stream, path)


def with_zeros(path: Path, packets: range, target: Path) -> Path:
    """Writes the video with zeros over some packets, their heads included."""
    with open_container(path) as container:
        scan = scan_packets(container, main_video_stream(container, path))
    begin = scan.positions[packets[0]] - 8
    end = scan.positions[packets[-1]] + scan.sizes[packets[-1]]
    content = bytearray(path.read_bytes())
    content[begin:end] = bytes(end - begin)
    target.write_bytes(content)
    return target


@pytest.mark.parametrize("name", ["mjpeg", "mpeg4 in AVI with B-frames"])
def test_whole_files_have_no_gaps(name, clip_file):
    assert places_in(clip_file(name)) is None
    assert places_in(clip_file(name), with_index=False) is None


def test_the_index_tells_which_frames_are_missing(clip_file, tmp_path):
    places = places_in(with_zeros(clip_file("mjpeg"), range(40, 43), tmp_path / "a.avi"))
    assert places is not None
    assert places.lost == [40, 41, 42]
    assert places.stamps == [*range(40), *range(43, 120)]


def test_without_an_index_nothing_behind_the_gap_is_known(clip_file, tmp_path):
    path = with_zeros(clip_file("mjpeg"), range(40, 43), tmp_path / "a.avi")
    places = places_in(path, with_index=False)
    assert places is not None
    assert places.stamps == [*range(40), *[None] * 77]


@pytest.mark.parametrize("packets", [range(2), range(40, 43), range(117, 120)])
def test_frames_behind_a_gap_keep_their_times(packets, clip_file, tmp_path):
    path = with_zeros(clip_file("mjpeg"), packets, tmp_path / "a.avi")
    result = read_frames(path, FrameSampling(num_frames=120))
    assert wrong_frames(result, CLIPS["mjpeg"].frames) == []
    assert len(result.times) == 120 - len(packets)
    assert result.coverage == pytest.approx(1 - len(packets) / 120)
    assert result.warnings == (f"{len(packets)} of 120 frames are damaged and were left out",)


def test_reordered_frames_behind_a_gap_are_left_out(clip_file, tmp_path):
    name = "mpeg4 in AVI with B-frames"
    path = with_zeros(clip_file(name), range(60, 63), tmp_path / "a.avi")
    result = read_frames(path, FrameSampling(num_frames=120))
    assert wrong_frames(result, CLIPS[name].frames) == []
    assert 0.4 < result.coverage < 0.55
    assert len(read_index(path).frame_times) == 120
