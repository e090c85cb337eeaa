from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from av.packet import Packet

from linvt_cli.errors import VideoDecodeError
from linvt_cli.video.container import (
    PacketNumber,
    check_size,
    demux,
    main_video_stream,
    open_container,
)


def test_a_broken_off_file_ends_the_packets_without_an_error(clip_file, tmp_path):
    content = clip_file("h264, fragmented").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 2])
    with open_container(tmp_path / "cut.mp4") as container:
        stream = main_video_stream(container, tmp_path)
        assert 0 < len(list(demux(container, stream))) < 120


def test_picture_sequences_and_scripts_are_not_opened(tmp_path):
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile 'a.mp4'\n")
    with pytest.raises(VideoDecodeError, match="is not a video that can be read"):
        open_container(tmp_path / "list.mp4")


@pytest.mark.parametrize(("width", "height"), [(16_385, 2), (2, 16_385), (16_384, 16_384)])
def test_huge_frames_are_refused(width, height):
    with pytest.raises(VideoDecodeError, match=f"{width}x{height}"):
        check_size(width, height, Path("a.mp4"))


def test_large_frames_are_accepted():
    check_size(7680, 4320, Path("a.mp4"))


def test_a_stream_that_seems_to_begin_late_ends_the_packets_without_an_error(clip_file, tmp_path):
    content = bytearray(clip_file("mpeg2 in MPEG-TS").read_bytes())
    chance = np.random.default_rng(4)
    for place in chance.integers(1000, len(content) - 4000, 60):
        content[place] ^= 1 << int(chance.integers(8))
    (tmp_path / "a.ts").write_bytes(content)
    with open_container(tmp_path / "a.ts") as container:
        stream = main_video_stream(container, tmp_path)
        assert len(list(demux(container, stream))) > 100


def test_a_packet_keeps_its_number_where_another_decoder_is_through_with_the_same():
    kept, other = Packet(1), Packet(1)
    kept.opaque, other.opaque = PacketNumber(0), PacketNumber(0)
    del other
    assert kept.opaque == 0
