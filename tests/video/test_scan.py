from __future__ import annotations

import pytest

from linvt_cli.video.container import main_video_stream, open_container
from linvt_cli.video.scan import Scan, scan_packets


def scan_of(path) -> Scan:
    with open_container(path) as container:
        return scan_packets(container, main_video_stream(container, path))


@pytest.mark.parametrize("name", ["h264, near key frames", "mjpeg", "h264 in MPEG-TS"])
def test_every_packet_gives_one_value_of_each_kind(name, clip_file):
    scan = scan_of(clip_file(name))
    columns = (scan.stamps, scan.decode_stamps, scan.durations, scan.keys, scan.visible,
               scan.positions, scan.sizes, scan.droppable)  # fmt: skip
    assert {len(column) for column in columns} == {120}
    assert list(scan.visible) == [1] * 120
    assert scan.first_frame is not None
    assert scan.first_frame.opaque == 0


def test_what_an_edit_list_cuts_is_not_shown(clip_file):
    assert sum(scan_of(clip_file("h264, edit list")).visible) == 85


def test_vp8_references_are_not_shown(clip_file, tmp_path):
    with open_container(clip_file("vp8")) as container:
        packet = bytes(list(container.demux(video=0))[5])
    hidden = bytes([packet[0] & 0xEF]) + packet[1:]  # show_frame
    (tmp_path / "a.webm").write_bytes(clip_file("vp8").read_bytes().replace(packet, hidden))
    assert [n for n, seen in enumerate(scan_of(tmp_path / "a.webm").visible) if not seen] == [5]


def test_a_last_frame_that_is_not_whole_is_not_shown(clip_file, tmp_path):
    content = clip_file("flv").read_bytes()
    (tmp_path / "cut.flv").write_bytes(content[: len(content) // 2])
    visible = scan_of(tmp_path / "cut.flv").visible
    assert list(visible) == [1] * (len(visible) - 1) + [0]
