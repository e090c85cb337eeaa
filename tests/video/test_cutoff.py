from __future__ import annotations

import pytest

from linvt_cli.video.cutoff import is_cut_off


@pytest.mark.parametrize(
    ("name", "container"),
    [
        ("h264, near key frames", "mov,mp4,m4a,3gp,3g2,mj2"),
        ("h264, fragmented", "mov,mp4,m4a,3gp,3g2,mj2"),
        ("h264 in Matroska", "matroska,webm"),
        ("vp9", "matroska,webm"),
        ("mjpeg", "avi"),
        ("h264 in MPEG-TS", "mpegts"),
        ("flv", "flv"),
        ("gif", "gif"),
        ("apng", "apng"),
    ],
)
def test_missing_bytes_at_the_end_are_noticed(name, container, clip_file, tmp_path):
    content = clip_file(name).read_bytes()
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.write_bytes(content)
    cut.write_bytes(content[:-1000])
    assert not is_cut_off(whole, container)
    assert is_cut_off(cut, container)


@pytest.mark.parametrize("name", ["h264, live Matroska", "vp9, live"])
def test_live_recordings_announce_nothing(name, clip_file, tmp_path):
    (tmp_path / "cut").write_bytes(clip_file(name).read_bytes()[:-1000])
    assert not is_cut_off(tmp_path / "cut", "matroska,webm")


@pytest.mark.parametrize(
    ("content", "cut_off"),
    [
        (b"\0\0\0\x10ftyp" + bytes(8), False),
        (b"\0\0\0\x10ftyp" + bytes(7), True),
        (b"\0\0\0\x10ftyp" + bytes(8) + b"\0\0\0\0mdat" + bytes(50), False),
        (b"\0\0\0\x01mdat" + (100).to_bytes(8, "big") + bytes(84), False),
        (b"\0\0\0\x01mdat" + (101).to_bytes(8, "big") + bytes(84), True),
        (b"\0\0\0\x02mdat" + bytes(20), False),
    ],
)
def test_boxes_of_every_length_form_are_followed(content, cut_off, tmp_path):
    (tmp_path / "a").write_bytes(content)
    assert is_cut_off(tmp_path / "a", "mov,mp4") is cut_off


def test_damaged_matroska_heads_announce_nothing(tmp_path):
    for content in (b"", bytes(100), bytes.fromhex("18538067") + bytes(20)):
        (tmp_path / "a").write_bytes(content)
        assert not is_cut_off(tmp_path / "a", "matroska,webm")


def test_gif_files_may_hold_anything_behind_their_end_mark(clip_file, tmp_path):
    content = clip_file("gif").read_bytes()
    (tmp_path / "a").write_bytes(content + bytes(20))
    assert not is_cut_off(tmp_path / "a", "gif")
    (tmp_path / "a").write_bytes(content[:-1] + b"\0;")
    assert not is_cut_off(tmp_path / "a", "gif")


@pytest.mark.parametrize("container", ["gif", "apng", "flv"])
def test_every_cut_ends_the_walk_through_a_file(container, clip_file, tmp_path):
    content = clip_file(container).read_bytes()
    for length in (0, 1, 5, 12, 14, *range(20, len(content) - 1, len(content) // 20)):
        (tmp_path / "cut").write_bytes(content[:length])
        assert is_cut_off(tmp_path / "cut", container) or container == "flv"


def test_pictures_without_an_end_chunk_are_cut_off(clip_file, tmp_path):
    (tmp_path / "a").write_bytes(clip_file("apng").read_bytes()[:-12])
    assert is_cut_off(tmp_path / "a", "apng")


@pytest.mark.parametrize("packet", [188, 192, 204])
def test_transport_streams_have_packets_of_several_sizes(packet, tmp_path):
    (tmp_path / "whole").write_bytes(bytes(packet * 7))
    (tmp_path / "cut").write_bytes(bytes(packet * 7 - 5))
    assert not is_cut_off(tmp_path / "whole", "mpegts")
    assert is_cut_off(tmp_path / "cut", "mpegts")
