from __future__ import annotations

import os
from pathlib import Path

import pytest

from linvt_cli.errors import VideoError
from linvt_cli.video import content
from linvt_cli.video.content import content_hash


def test_the_same_bytes_have_the_same_hash_under_any_name(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"video")
    (tmp_path / "b").write_bytes(b"video")
    assert content_hash(tmp_path / "a") == content_hash(tmp_path / "b")


def test_another_byte_is_another_hash(tmp_path: Path):
    for name, data in (("a", b"video"), ("b", b"videa"), ("c", b"video ")):
        (tmp_path / name).write_bytes(data)
    assert len({content_hash(tmp_path / name) for name in "abc"}) == 3


@pytest.mark.parametrize("place", ["first", "block", "last", "size"])
def test_of_a_large_file_blocks_and_the_size_are_read(tmp_path: Path, monkeypatch, place):
    monkeypatch.setattr(content, "_WHOLE_BYTES", 1 << 10)
    monkeypatch.setattr(content, "_NUM_BLOCKS", 8)
    monkeypatch.setattr(content, "_BLOCK_BYTES", 128)
    data = bytearray(os.urandom(10_000))
    (tmp_path / "a").write_bytes(data)
    if place == "size":
        data += data[-1:]
    else:
        data[{"first": 0, "block": (10_000 - 128) // 7, "last": -1}[place]] ^= 1
    (tmp_path / "b").write_bytes(data)
    assert content_hash(tmp_path / "a") != content_hash(tmp_path / "b")


def test_what_cannot_be_read_is_an_error(tmp_path: Path):
    with pytest.raises(VideoError, match="cannot be read"):
        content_hash(tmp_path)
