from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from linvt_cli.config import FrameSampling
from linvt_cli.errors import ConfigError, VideoDecodeError, VideoError, VideoNotFoundError
from linvt_cli.types import Frames
from linvt_cli.video.frame_folder import read_frame_folder


@pytest.fixture
def folder(tmp_path):
    """Nine pictures at 3 a second, each in a grey of its own."""
    for number in range(1, 10):
        grey = np.full((32, 48, 3), 20 * number, dtype=np.uint8)
        Image.fromarray(grey).save(tmp_path / f"{number:05d}.jpg", quality=95)
    return tmp_path


def greys(frames: Frames) -> list[int]:
    return [round(float(picture.mean()) / 20) for picture in frames.pixels]


def test_pictures_are_shown_at_the_times_that_their_numbers_mean(folder):
    frames = read_frame_folder(folder, FrameSampling(num_frames=9), frame_rate=3.0)
    assert greys(frames) == list(range(1, 10))
    assert frames.times == pytest.approx([number / 3 for number in range(9)])
    assert frames.video.duration == pytest.approx(3.0)
    assert frames.video.num_frames == 9
    assert frames.coverage == 1.0


def test_start_and_end_cut_the_folder_like_a_file(folder):
    sampling = FrameSampling(num_frames=3, start=1.0, end=2.0)
    assert greys(read_frame_folder(folder, sampling, frame_rate=3.0)) == [4, 5, 6]


def test_a_number_that_is_missing_leaves_the_other_times_as_they_are(folder):
    (folder / "00002.jpg").unlink()
    frames = read_frame_folder(folder, FrameSampling(num_frames=16), frame_rate=3.0)
    assert frames.times == pytest.approx([n / 3 for n in (0, 2, 3, 4, 5, 6, 7, 8)])


def test_names_without_numbers_follow_one_another(folder):
    (folder / "00009.jpg").rename(folder / "z.jpg")
    frames = read_frame_folder(folder, FrameSampling(num_frames=9), frame_rate=1.0)
    assert frames.times == tuple(map(float, range(9)))


def test_a_damaged_picture_lowers_the_coverage(folder):
    (folder / "00004.jpg").write_bytes(b"\xff\xd8\xff no picture")
    frames = read_frame_folder(folder, FrameSampling(num_frames=9), frame_rate=3.0)
    assert frames.coverage == pytest.approx(8 / 9)
    assert frames.warnings


def test_what_cannot_be_read_is_an_error_that_names_the_folder(folder, tmp_path):
    with pytest.raises(VideoNotFoundError, match=r"There is no folder '.*none'"):
        read_frame_folder(tmp_path / "none", FrameSampling(), frame_rate=3.0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(VideoDecodeError, match=r"No JPEG or PNG file is in '.*empty'"):
        read_frame_folder(tmp_path / "empty", FrameSampling(), frame_rate=3.0)
    with pytest.raises(VideoError):
        read_frame_folder(folder, FrameSampling(start=9.0), frame_rate=3.0)
    with pytest.raises(ConfigError, match="must be positive"):
        read_frame_folder(folder, FrameSampling(), frame_rate=0.0)
