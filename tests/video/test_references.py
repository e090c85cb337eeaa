from __future__ import annotations

import pytest

from linvt_cli.video.references import droppable_test

AVCC = bytes([1, 100, 0, 30, 0xFF])  # lengths of four bytes
HVCC = bytes([1]) + bytes(20) + bytes([0xFF])


def framed(*units: bytes) -> memoryview:
    return memoryview(b"".join(len(unit).to_bytes(4, "big") + unit for unit in units))


def coded(*units: bytes) -> memoryview:
    return memoryview(b"".join(b"\0\0\1" + unit for unit in units))


@pytest.mark.parametrize(
    ("head", "droppable"), [(0x01, True), (0x41, False), (0x21, False), (0x65, False)]
)
def test_h264_slices_of_reference_level_zero_are_droppable(head, droppable):
    picture, message = bytes([head]) + bytes(9), b"\x06\x05abc"
    length_test, code_test = droppable_test("h264", AVCC), droppable_test("h264", None)
    assert length_test is not None
    assert code_test is not None
    assert length_test(framed(message, picture)) is droppable
    assert code_test(coded(message, picture)) is droppable


@pytest.mark.parametrize(
    ("kind", "droppable"), [(0, True), (1, False), (8, True), (9, False), (14, True), (19, False)]
)
def test_hevc_sublayer_non_reference_pictures_are_droppable(kind, droppable):
    test = droppable_test("hevc", HVCC)
    assert test is not None
    assert test(framed(bytes([39 << 1, 1, 0]), bytes([kind << 1, 1, 0, 0]))) is droppable


def test_packets_without_a_picture_are_kept():
    test = droppable_test("h264", AVCC)
    assert test is not None
    for packet in (b"", b"\0\0", b"\xff\xff\xff\xff", b"\0\0\0\0" * 5):
        assert test(memoryview(packet)) is False


@pytest.mark.parametrize("codec", ["av1", "vp9", "mpeg4"])
def test_other_codecs_are_never_thinned(codec):
    assert droppable_test(codec, None) is None
