"""Check that videos are decoded: the shipped clips, one for each codec that people meet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from linvt_cli.config import DecoderChoice, FrameSampling
from linvt_cli.doctor.findings import Circumstances, Finding
from linvt_cli.errors import VideoDecodeError, VideoError
from linvt_cli.types import Frames
from linvt_cli.video.reader import read_frames

FOLDER = Path(__file__).resolve().parent.parent / "assets" / "codecs"
NUM_FRAMES = 12
TICKS = 25  # a second
_DECODERS: tuple[DecoderChoice, ...] = ("auto", "pyav")
_TOLERANCE = 10.0  # of 255; a step between two frames is 18


@dataclass(frozen=True, slots=True)
class Clip:
    """One shipped clip; ``tests/doctor/write_clips.py`` writes it."""

    file: str
    codec: str  # as people call it
    varying: bool = False  # frame times are uneven

    def stamp(self, number: int) -> int:
        """Return when a frame is shown, in ticks."""
        return number * (number + 3) // 2 if self.varying else number

    @property
    def times(self) -> tuple[float, ...]:
        """When each frame is shown, in seconds."""
        return tuple(self.stamp(number) / TICKS for number in range(NUM_FRAMES))

    @property
    def moments(self) -> tuple[float, ...]:
        """A moment shortly after each frame has appeared."""
        return tuple(time + 0.01 for time in self.times)


CLIPS: tuple[Clip, ...] = (
    Clip("h264.mp4", "H.264"),  # with B-frames, so that decoding order is not showing order
    Clip("h264.mkv", "H.264 with uneven times", varying=True),
    Clip("hevc.mp4", "HEVC"),
    Clip("vp8.webm", "VP8"),
    Clip("vp9.webm", "VP9", varying=True),
    Clip("av1.mkv", "AV1"),
    Clip("mpeg4.mp4", "MPEG-4"),
    Clip("mjpeg.avi", "MJPEG"),
    Clip("ffv1.mkv", "FFV1"),
)


def check_codecs(_: Circumstances) -> Finding:
    """Read every clip and compare each frame's time and shades.

    Each is read as a video of a user would be, and once more with PyAV, the decoder for files that
    OpenCV cannot decode exactly.

    Raises:
        VideoDecodeError: if one cannot be read, or is read wrong.
    """
    decoders: dict[str, str] = {}
    troubles: dict[str, str] = {}
    for clip in CLIPS:
        for decoder in _DECODERS:
            sampling = FrameSampling(at=clip.moments, decoder=decoder)
            try:
                frames = read_frames(FOLDER / clip.file, sampling)
            except VideoError as error:
                troubles.setdefault(clip.codec, error.message)
                continue
            decoders.setdefault(clip.codec, frames.video.decoder)
            if (trouble := what_is_wrong(frames, clip)) is not None:
                troubles.setdefault(clip.codec, f"'{clip.file}': {trouble}")
    if troubles:
        raise VideoDecodeError(
            f"Not read right: {', '.join(troubles)} ({next(iter(troubles.values()))})",
            path=FOLDER,
            hint="install opencv-python-headless and av again, in the versions that linvt names",
        )
    return Finding(f"read right: {', '.join(decoders)}", facts={"decoders": decoders})


def what_is_wrong(frames: Frames, clip: Clip) -> str | None:
    """Return what is wrong with the frames of a clip; None where all is right."""
    if len(frames.times) != NUM_FRAMES:
        return f"{len(frames.times)} of {NUM_FRAMES} frames are decoded"
    if not np.allclose(frames.times, clip.times, atol=2e-3):  # WebM and Matroska round to ms
        return "frames have wrong times"
    middle = frames.pixels.shape[2] // 2
    for number, pixels in enumerate(frames.pixels):
        found = pixels[:, :middle].mean(), pixels[:, middle:].mean()
        if not np.allclose(found, shades(number), atol=_TOLERANCE):
            return f"frame {number} shows something else"
    return None


def shades(number: int) -> tuple[int, int]:
    """Return how bright the left and the right half of a frame are, of 255."""
    return 28 + 18 * number, 226 - 18 * number
