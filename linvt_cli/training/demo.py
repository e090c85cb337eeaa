"""Clips of nano's world as video files."""

from __future__ import annotations

from pathlib import Path

from linvt_cli.training.render import Renderer
from linvt_cli.training.world import Clip
from linvt_cli.video.writer import write_video


def write_clip(path: Path, clip: Clip) -> None:
    """Draw a clip at its own size and rate and write it as a video file.

    Raises:
        ConfigError: if the ending of the name is none that can be written.
        VideoError: if the file cannot be written.
    """
    renderer = Renderer()
    num_frames = round(clip.duration * clip.fps)
    fractions = ((index + 0.5) / num_frames for index in range(num_frames))
    write_video(path, (renderer.frame(clip, fraction) for fraction in fractions), clip.fps)
