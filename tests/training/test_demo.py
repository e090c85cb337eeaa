from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from linvt_cli.config import FrameSampling
from linvt_cli.training.demo import write_clip
from linvt_cli.training.render import Renderer
from linvt_cli.training.world import make_clip
from linvt_cli.video.reader import read_frames


def test_the_file_shows_the_clip_at_its_size_and_length(tmp_path: Path) -> None:
    clip = make_clip(4, "train")
    write_clip(tmp_path / "clip.mp4", clip)
    frames = read_frames(tmp_path / "clip.mp4", FrameSampling(num_frames=8, short_side=None))
    assert frames.pixels.shape[1:] == (clip.height, clip.width, 3)
    assert frames.video.duration == pytest.approx(clip.duration, abs=1 / clip.fps)
    for pixels, time in zip(frames.pixels, frames.times, strict=True):
        fraction = (time + 0.5 / clip.fps) / frames.video.duration
        drawn = Renderer().frame(clip, fraction)
        assert np.abs(pixels.astype(int) - drawn).mean() < 8  # compression, and half a frame
