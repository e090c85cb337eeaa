"""Writes the small clips that ``linvt doctor`` decodes: ``python -m tests.doctor.write_clips``."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.stream import VideoStream

from linvt_cli.doctor.codecs import CLIPS, FOLDER, NUM_FRAMES, TICKS, Clip, shades

WIDTH, HEIGHT = 64, 48

ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    "h264.mp4": ("libx264", {"bf": "3", "preset": "slow", "crf": "20"}),
    "h264.mkv": ("libx264", {"bf": "3", "preset": "slow", "crf": "20"}),
    "hevc.mp4": ("libx265", {"x265-params": "log-level=none:bframes=3:pools=1:crf=20"}),
    "vp8.webm": ("libvpx", {"crf": "10", "b:v": "500k"}),
    "vp9.webm": ("libvpx-vp9", {"crf": "24", "b:v": "0"}),
    "av1.mkv": ("libsvtav1", {"crf": "30", "preset": "8"}),
    "mpeg4.mp4": ("mpeg4", {"qscale": "3", "bf": "2"}),
    "mjpeg.avi": ("mjpeg", {"qscale": "5"}),
    "ffv1.mkv": ("ffv1", {"level": "3", "slices": "4"}),
}


def write_clip(path: Path, clip: Clip) -> None:
    """Encode a clip."""
    codec, options = ENCODERS[clip.file]
    with av.open(str(path), "w") as container:
        stream = cast(VideoStream, container.add_stream(codec, rate=TICKS, options=dict(options)))
        stream.width, stream.height = WIDTH, HEIGHT
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = Fraction(1, TICKS)
        stream.codec_context.thread_count = 1
        for number in range(NUM_FRAMES):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts = clip.stamp(number)
            frame.time_base = Fraction(1, TICKS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def picture(number: int) -> np.ndarray:
    """Return a frame: two halves, one growing brighter and one darker."""
    pixels = np.empty((HEIGHT, WIDTH, 3), dtype=np.uint8)
    pixels[:, : WIDTH // 2], pixels[:, WIDTH // 2 :] = shades(number)
    return pixels


if __name__ == "__main__":
    for each in CLIPS:
        write_clip(FOLDER / each.file, each)
