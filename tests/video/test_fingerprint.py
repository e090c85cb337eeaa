from __future__ import annotations

import hashlib
import os

import pytest

from linvt_cli.errors import VideoError, VideoNotFoundError
from linvt_cli.video import fingerprint as module
from linvt_cli.video.fingerprint import Fingerprint, fingerprint


def test_a_file_is_known_by_all_its_bytes(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"content")
    expected = Fingerprint(f"sha256:{hashlib.sha256(b'content').hexdigest()}", 7)
    assert fingerprint(path) == expected
    path.rename(tmp_path / "b.mp4")
    assert fingerprint(tmp_path / "b.mp4") == expected
    (tmp_path / "b.mp4").write_bytes(b"contenT")
    assert fingerprint(tmp_path / "b.mp4") != expected


@pytest.mark.parametrize("place", [0, 500, 999])
def test_a_large_file_is_known_by_its_blocks_and_its_size(tmp_path, monkeypatch, place):
    monkeypatch.setattr(module, "WHOLE_BYTES", 100)
    monkeypatch.setattr(module, "_BLOCK_BYTES", 16)
    path = tmp_path / "a.mp4"
    content = bytearray(os.urandom(1000))
    path.write_bytes(content)
    before = fingerprint(path)
    assert before.digest.startswith("sampled-sha256:")
    content[place] ^= 1
    path.write_bytes(content)
    assert fingerprint(path) != before
    path.write_bytes(content + b"x")
    assert fingerprint(path).digest != before.digest


def test_what_is_no_file_has_no_fingerprint(tmp_path):
    with pytest.raises(VideoNotFoundError):
        fingerprint(tmp_path / "none")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(VideoError, match="named pipe"):
        fingerprint(tmp_path / "pipe")
