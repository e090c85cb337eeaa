from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.packet import Packet

from linvt_cli.config import FrameSampling
from linvt_cli.errors import VideoDecodeError
from linvt_cli.video.container import (
    PacketNumber,
    check_size,
    demux,
    main_video_stream,
    open_container,
)
from linvt_cli.video.files import pillow_reads_avif
from linvt_cli.video.reader import read_frames
from tests.video.numbered import HEIGHT, WIDTH, draw, read
from tests.video.tiles import write_tiles


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


@pytest.mark.skipif(not pillow_reads_avif(), reason="Pillow was built without AVIF")
def test_a_photograph_in_tiles_is_refused_where_only_its_parts_are_seen(tmp_path):
    path = tmp_path / "a.heic"
    write_tiles(path, draw(613, 320, 256), brand=b"heic")
    with (
        open_container(path) as container,
        pytest.raises(VideoDecodeError, match="photograph in tiles") as caught,
    ):
        main_video_stream(container, path)
    assert caught.value.hint == "save it as JPEG"


def test_a_stream_that_is_announced_and_not_sent_is_not_the_main_one(tmp_path):
    path = tmp_path / "a.ts"
    with av.open(str(path), "w") as container:
        for _ in "ab":
            stream = container.add_stream("mpeg2video", rate=25)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(8):
            frame = av.VideoFrame.from_ndarray(draw(number), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    frames = read_frames(path, FrameSampling(num_frames=8))
    assert [read(pixels) for pixels in frames.pixels] == list(range(8))


def test_a_sound_file_is_said_to_hold_no_video(tmp_path):
    for name, head in (("a.mp3", b"ID3\4"), ("a.wav", b"RIFF\0\0\0\0WAVEfmt "), ("a.x", b"fLaC")):
        (tmp_path / name).write_bytes(head + bytes(2000))
        with pytest.raises(VideoDecodeError, match="has no video in it") as caught:
            open_container(tmp_path / name)
        assert caught.value.hint == "it may be sound only"


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
