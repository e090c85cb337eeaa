from __future__ import annotations

import numpy as np
import pytest

from linvt_cli.config import FrameSampling
from linvt_cli.errors import ConfigError, VideoError
from linvt_cli.video.reader import read_frames
from linvt_cli.video.writer import write_video
from tests.video.numbered import draw, read


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
def test_written_frames_are_read_back(suffix, tmp_path):
    path = tmp_path / f"a.{suffix}"
    write_video(path, (draw(number) for number in range(30)), fps=12.5)
    frames = read_frames(path, FrameSampling(num_frames=30))
    assert [read(pixels) for pixels in frames.pixels] == list(range(30))
    assert frames.video.duration == pytest.approx(2.4, abs=0.01)


def test_colours_survive(tmp_path):
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:, :32], picture[:, 32:64], picture[:, 64:] = (255, 0, 0), (0, 160, 60), (40, 60, 250)
    write_video(tmp_path / "a.mp4", [picture] * 5, fps=5)
    (pixels,) = read_frames(tmp_path / "a.mp4", FrameSampling(num_frames=1)).pixels
    for column in (16, 48, 80):
        difference = np.abs(pixels[32, column].astype(int) - picture[32, column])
        assert difference.max() <= 6


def test_mp4_headers_come_first_so_that_players_can_begin(tmp_path):
    write_video(tmp_path / "a.mp4", [draw(1)] * 5, fps=5)
    content = (tmp_path / "a.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize(
    ("name", "frames", "fps", "match"),
    [
        ("a.txt", [draw(0)], 5, r"must end in \.mp4, \.mkv, \.webm"),
        ("a.mp4", [], 5, "no frame"),
        ("a.mp4", [draw(0)], 0, "Frames per second"),
        ("a.mp4", [draw(0, 161, 128)], 5, "must be even"),
        ("a.mp4", [draw(0), draw(1, 80, 64)], 5, "of one size"),
        ("a.mp4", [draw(0).astype(float)], 5, "uint8"),
    ],
)
def test_what_cannot_be_written_is_refused(name, frames, fps, match, tmp_path):
    with pytest.raises(ConfigError, match=match):
        write_video(tmp_path / name, frames, fps)


def test_a_folder_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(VideoError, match="cannot be written"):
        write_video(tmp_path / "none" / "a.mp4", [draw(0)], 5)
