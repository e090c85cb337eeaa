"""Damaged videos: right frames with their share, or an error; never a wrong frame."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from linvt_cli.config import FrameSampling
from linvt_cli.errors import VideoError
from linvt_cli.video.reader import read_frames
from tests.video.clips import CLIPS
from tests.video.truth import DECODERS, wrong_frames

CUT_CLIPS = ["h264, far key frames", "h264 in Matroska", "h264 in MPEG-TS", "mpeg2 in MPEG-TS",
             "h264, raw", "mpeg4 in AVI with B-frames", "mjpeg", "h264, fragmented", "av1", "flv",
             "vp9", "gif", "apng"]  # fmt: skip
SILENT = {"h264, raw"}  # nothing in it tells where it should end
PROMISED = {"mp4", "mkv", "webm", "avi", "flv"}  # containers that say how long they are
# Kinds in which flipped bits seldom make other lawful video: how many bits are flipped, and how
# many of eight files must give frames all the same.
FLIPPED = [
    ("h264, far key frames", 100, 0),
    ("h264, near key frames", 8, 6),
    ("h264, near key frames", 100, 0),
    ("h264, near key frames", 400, 0),
    ("h264, no B-frames", 8, 6),
    ("h264, no B-frames", 400, 0),
    ("h264 in MPEG-TS", 8, 6),
    ("h264, fragmented", 8, 6),
    ("flv", 8, 6),
    ("mpeg2 in MPEG-TS", 20, 6),
    ("mpeg2 program stream", 3, 4),
    ("mpeg4", 100, 6),
    ("mpeg4", 400, 6),
    ("apng", 60, 5),
]


def faststart(name: str, folder: Path) -> Path:
    """The same video with its header first, so that a cut leaves it readable."""
    path = folder / "faststart.mp4"
    replace(CLIPS[name], container={"movflags": "+faststart"}).write(path)
    return path


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.95])
@pytest.mark.parametrize("name", CUT_CLIPS)
def test_a_cut_off_file_gives_right_frames_and_their_share_or_an_error(
    name, share, decoder, clip_file, tmp_path
):
    path = clip_file(name)
    if path.suffix == ".mp4" and name != "h264, fragmented":
        path = faststart(name, tmp_path)
    content = path.read_bytes()
    cut = tmp_path / f"cut{path.suffix}"
    cut.write_bytes(content[: int(len(content) * share)])
    try:
        result = read_frames(cut, FrameSampling(num_frames=20, decoder=decoder))
    except VideoError:
        assert share < 0.5 or (decoder == "opencv" and not CLIPS[name].opencv)
        return
    assert wrong_frames(result, CLIPS[name].frames) == []
    if CLIPS[name].suffix in PROMISED and name != "h264, fragmented" and share <= 0.5:
        assert result.coverage <= share + 0.2
    assert name in SILENT or "cut off" in result.warnings[0]


@pytest.mark.parametrize(("name", "num_flips", "least"), FLIPPED)
def test_flipped_bytes_give_right_frames_or_an_error(name, num_flips, least, clip_file, tmp_path):
    content = clip_file(name).read_bytes()
    successes = {"auto": 0, "pyav": 0}
    for seed in range(8):
        path = tmp_path / f"{seed}{clip_file(name).suffix}"
        path.write_bytes(flipped(content, num_flips, seed))
        for decoder in ("auto", "pyav"):
            try:
                result = read_frames(path, FrameSampling(num_frames=40, decoder=decoder))
            except VideoError:
                continue
            successes[decoder] += 1
            assert wrong_frames(result, CLIPS[name].frames) == []
            assert (result.coverage < 1) == any("damaged" in text for text in result.warnings)
    assert min(successes.values()) >= least


def flipped(content: bytes, num_flips: int, seed: int) -> bytes:
    """The file with single bits flipped in it, but not in its head and tail."""
    chance = np.random.default_rng(seed)
    damaged = bytearray(content)
    for place in chance.integers(1000, len(damaged) - 4000, num_flips):
        damaged[place] ^= 1 << int(chance.integers(8))
    return bytes(damaged)


def test_damage_in_one_part_leaves_the_other_parts_readable(clip_file, tmp_path):
    content = bytearray(clip_file("h264, near key frames").read_bytes())
    place = int(len(content) * 0.4)
    content[place : place + 3000] = bytes(3000)
    path = tmp_path / "scratched.mp4"
    path.write_bytes(content)
    result = read_frames(path, FrameSampling(num_frames=120))
    assert wrong_frames(result, CLIPS["h264, near key frames"].frames) == []
    assert 0.5 < result.coverage < 1
    assert "damaged" in result.warnings[0]
    assert result.span[0] == 0.0
    assert result.span[1] > 4.5


def test_nothing_is_written_to_the_terminal(clip_file, tmp_path):
    content = clip_file("h264, far key frames").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 2])
    damaged = bytearray(content)
    for place in range(2000, len(damaged) - 4000, 500):
        damaged[place] ^= 0xFF
    (tmp_path / "damaged.mp4").write_bytes(damaged)
    (tmp_path / "text.avi").write_text("RIFF no more than text")
    code = """
import sys
from linvt_cli.config import DecoderChoice, FrameSampling
from linvt_cli.errors import VideoError
from linvt_cli.types import Frames
from linvt_cli.video.reader import read_frames
for path in sys.argv[1:]:
    for decoder in ("opencv", "pyav", "auto"):
        try:
            read_frames(path, FrameSampling(num_frames=50, decoder=decoder))
        except VideoError:
            pass
"""
    files = [str(path) for path in (*tmp_path.iterdir(), clip_file("av1"), clip_file("gif"))]
    done = subprocess.run([sys.executable, "-c", code, *files], capture_output=True, check=True)
    assert done.stdout == done.stderr == b""
