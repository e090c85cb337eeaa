from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

import av
import pytest

from linvt_cli.video.frame_sizes import size_reader
from tests.video.clips import write_resized


def sizes_in(path: Path, codec: str) -> set[Hashable]:
    read = size_reader(codec)
    assert read is not None
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        return {read(memoryview(packet)) for packet in packets} - {None}


@pytest.mark.parametrize(("codec", "coder"), [("vp8", "libvpx"), ("vp9", "libvpx-vp9")])
def test_every_size_of_the_picture_is_told_apart(codec, coder, tmp_path):
    write_resized(tmp_path / "a.webm", coder, [(160, 128), (96, 128), (160, 128)])
    assert len(sizes_in(tmp_path / "a.webm", codec)) == 2


@pytest.mark.parametrize(
    ("name", "codec"),
    [("vp8", "vp8"), ("vp9", "vp9"), ("vp9, alternative references", "vp9"), ("av1", "av1")],
)
def test_a_video_of_one_size_has_one(name, codec, clip_file):
    assert len(sizes_in(clip_file(name), codec)) == 1


SIZE = f"{159:016b}{127:016b}"
START = "01001001 10000011 01000010"
REFERENCES = "00 00000001 0000 0010 0100"


@pytest.mark.parametrize(
    ("bits", "is_told"),
    [
        (f"10 00 0 0 1 0 {START} 010 0 {SIZE}", True),  # a key frame
        (f"10 11 0 0 0 1 0 {START} 1 010 0 000 {SIZE}", True),  # of 10 bits and profile 3
        (f"10 00 0 1 0 0 1 00 {START} 00000001 {SIZE}", True),  # no key frame, and refers to none
        (f"10 00 0 1 1 0 {REFERENCES} 000 {SIZE}", True),  # as large as none that it refers to
        (f"10 00 0 1 1 0 {REFERENCES} 01 {SIZE}", False),  # as large as the second one
        ("10 00 1 000", False),  # an earlier frame is shown again
    ],
)
def test_a_frame_of_vp9_tells_its_size_where_it_is_not_that_of_another(bits, is_told):
    bits = bits.replace(" ", "")
    packet = bytes(int(bits[n : n + 8].ljust(8, "0"), 2) for n in range(0, len(bits), 8))
    read = size_reader("vp9")
    assert read is not None
    assert read(memoryview(packet)) == (int(SIZE, 2) if is_told else None)


def test_packets_of_a_few_bytes_are_no_trouble():
    for codec in ("vp8", "vp9", "av1"):
        read = size_reader(codec)
        assert read is not None
        for packet in (b"", b"\x82", b"\x0a", b"\x0e\0"):
            read(memoryview(packet))


def test_a_sequence_header_of_av1_is_found_behind_other_units():
    read = size_reader("av1")
    assert read is not None
    assert read(memoryview(bytes.fromhex("1200 0a03 aabbcc 3201 00"))) == b"\xaa\xbb\xcc"
    assert read(memoryview(bytes.fromhex("1200 3201 00"))) is None
    assert read(memoryview(b"\x0a")) is None


def test_other_codecs_do_not_tell():
    assert size_reader("h264") is None
