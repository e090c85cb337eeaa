"""Writing frames to a video file, for demonstration clips and training data."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.stream import VideoStream

from linvt_cli.errors import ConfigError, VideoError
from linvt_cli.video.files import shown_name

# Codec and its options by the name's ending. Quality 20 of x264 hides no edge of a sprite.
_H264 = ("libx264", {"crf": "20", "preset": "veryfast"})
_VP9 = ("libvpx-vp9", {"crf": "24", "b:v": "0", "deadline": "realtime", "cpu-used": "6"})
_ENCODERS = {".mp4": _H264, ".mkv": _H264, ".webm": _VP9}
_CONTAINER_OPTIONS = {".mp4": {"movflags": "+faststart"}}
_MAX_RATE_DENOMINATOR = 1001  # so that 29.97 becomes 30000/1001


def write_video(path: Path, frames: Iterable[np.ndarray], fps: float) -> None:
    """Writes ``(H, W, 3)`` uint8 RGB frames at ``fps`` to an .mp4 or .mkv (H.264) or .webm (VP9).

    Colours are subsampled (4:2:0), so height and width must be even.

    Raises:
        ConfigError: When the ending, the rate or a frame's shape is wrong, or there is no frame.
        VideoError: When the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in _ENCODERS:
        raise ConfigError(
            f"Cannot write {shown_name(path)}: the name must end in {', '.join(_ENCODERS)}",
            field="path",
            hint="name it clip.mp4",
        )
    if not 0 < fps <= 1000:
        raise ConfigError(
            f"Frames per second must be in (0, 1000], not {fps}", field="fps", hint="25 is usual"
        )
    remaining = iter(frames)
    first = next(remaining, None)
    if first is None:
        raise ConfigError(
            "There is no frame to write", field="frames", hint="give it one frame or more"
        )
    _check_frame(first, first.shape)
    try:
        _encode(path, itertools.chain((first,), remaining), first.shape, fps)
    except (av.FFmpegError, OSError) as error:
        raise VideoError(
            f"{shown_name(path)} cannot be written: {error.strerror or error}",
            path=path,
            hint="check that the folder is there, may be written to, and has room",
        ) from error


def _check_frame(frame: np.ndarray, shape: tuple[int, ...]) -> None:
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or frame.shape != shape:
        raise ConfigError(
            f"Frames must be (H, W, 3) uint8 of one size, not {frame.shape} {frame.dtype}",
            field="frames",
            hint="convert them before writing",
        )
    if frame.shape[0] % 2 or frame.shape[1] % 2:
        raise ConfigError(
            f"Height and width must be even, not {frame.shape[0]} and {frame.shape[1]}",
            field="frames",
            hint="cut off a row or a column",
        )


def _encode(path: Path, frames: Iterable[np.ndarray], shape: tuple[int, ...], fps: float) -> None:
    suffix = path.suffix.lower()
    codec, options = _ENCODERS[suffix]
    rate = Fraction(fps).limit_denominator(_MAX_RATE_DENOMINATOR)
    target = str(path.absolute())  # absolute, so that no name is taken for an address
    with av.open(target, mode="w", options=_CONTAINER_OPTIONS.get(suffix, {})) as container:
        stream = cast("VideoStream", container.add_stream(codec, rate=rate, options=dict(options)))
        stream.height, stream.width = shape[:2]
        stream.pix_fmt = "yuv420p"
        for pixels in frames:
            _check_frame(pixels, shape)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
