"""What decodes in a process of its own: it reads jobs from stdin and writes outcomes to stdout.

Both are lines of JSON; neither side unpickles anything. Before an outcome comes a line that says
what the file holds, so that this is known of a file that makes the process hang or crash. Pixels go
through an open file without a name, which both sides have and which is gone with them. Imports no
torch.
"""

from __future__ import annotations

import ctypes
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from linvt_cli.config import FrameSampling
from linvt_cli.errors import (
    ConfigError,
    LinVTError,
    VideoDecodeError,
    VideoError,
    VideoNotFoundError,
)
from linvt_cli.types import Frames, VideoInfo
from linvt_cli.video.fingerprint import Fingerprint, fingerprint
from linvt_cli.video.frame_folder import read_frame_folder
from linvt_cli.video.reader import read_frames

_PR_SET_PDEATHSIG = 1
_VIDEO_ERRORS = {each.__name__: each for each in (VideoError, VideoNotFoundError, VideoDecodeError)}


@dataclass(frozen=True, slots=True)
class DecodeJob:
    """A video to decode."""

    video: str
    sampling: FrameSampling
    frame_rate: float | None = None  # of a folder of pictures; None for a file


@dataclass(frozen=True, slots=True)
class Decoded:
    """What came of a job: frames, why there are none, or None where none are needed."""

    frames: Frames | LinVTError | None
    source: Fingerprint | None  # None where there is no file to read


def decode(
    job: DecodeJob,
    on_source: Callable[[Fingerprint], object] = lambda _: None,
    *,
    threads: int = 0,
) -> Decoded:
    """Decode a video; what is wrong with it is part of the outcome.

    Args:
        job: what to decode.
        on_source: told what the file holds before anything is decoded.
        threads: that decode; 0 for one on each core.
    """
    source = None
    try:
        if job.frame_rate is not None:
            frames = read_frame_folder(job.video, job.sampling, frame_rate=job.frame_rate)
            return Decoded(frames, None)
        source = fingerprint(job.video)
        on_source(source)
        return Decoded(read_frames(job.video, job.sampling, threads=threads), source)
    except (VideoError, ConfigError) as error:
        return Decoded(error, source)


def job_line(job: DecodeJob) -> bytes:
    """Return a job as a line of JSON."""
    return json.dumps(asdict(job)).encode() + b"\n"


def read_job(line: bytes) -> DecodeJob:
    """Return the job that a line holds."""
    job: dict[str, Any] = json.loads(line)
    sampling = job["sampling"]
    return DecodeJob(
        job["video"],
        FrameSampling(**{**sampling, "at": tuple(sampling["at"])}),
        job["frame_rate"],
    )


def header_of(decoded: Decoded) -> dict[str, Any]:
    """Return all of an outcome but the pixels, as plain data."""
    source = None if decoded.source is None else asdict(decoded.source)
    frames = decoded.frames
    if frames is None:
        raise ValueError("A process decodes what it is given")
    if isinstance(frames, LinVTError):
        error = {"type": type(frames).__name__, "message": frames.message, "hint": frames.hint}
        return {"source": source, "error": error}
    return {
        "source": source,
        "shape": frames.pixels.shape,
        "times": frames.times,
        "video": {**asdict(frames.video), "path": str(frames.video.path)},
        "coverage": frames.coverage,
        "warnings": frames.warnings,
        "seconds": frames.seconds,
    }


def outcome_of(header: dict[str, Any], pixels: np.ndarray | None, video: str) -> Decoded:
    """Return the outcome that a header and pixels describe.

    Args:
        header: of ``header_of``.
        pixels: (T, H, W, 3) uint8 RGB; None where the header holds an error.
        video: as the job named it.
    """
    source = source_of(header)
    if pixels is None:
        error, message = header["error"], header["error"]["message"]
        kind = _VIDEO_ERRORS.get(error["type"])
        if kind is None:
            return Decoded(ConfigError(message, field="frames", hint=error["hint"]), source)
        return Decoded(kind(message, path=video, hint=error["hint"]), source)
    info = VideoInfo(**{**header["video"], "path": Path(header["video"]["path"])})
    frames = Frames(
        pixels=pixels,
        times=tuple(header["times"]),
        video=info,
        coverage=header["coverage"],
        warnings=tuple(header["warnings"]),
        seconds=header["seconds"],
    )
    return Decoded(frames, source)


def write_source(source: Fingerprint, outlet: BinaryIO) -> None:
    """Write what a file holds, ahead of its outcome."""
    outlet.write(json.dumps({"source": asdict(source)}).encode() + b"\n")
    outlet.flush()


def source_of(header: dict[str, Any]) -> Fingerprint | None:
    """Return what the file holds that a line is about; None where there is no file to read."""
    return None if header["source"] is None else Fingerprint(**header["source"])


def write_outcome(decoded: Decoded, outlet: BinaryIO, pixels_file: int) -> None:
    """Write an outcome: the pixels first, so that they are there when the line is read.

    Args:
        decoded: what came of a job.
        outlet: for the line.
        pixels_file: descriptor of the file for the pixels.
    """
    os.ftruncate(pixels_file, 0)
    if isinstance(decoded.frames, Frames):
        left = np.ascontiguousarray(decoded.frames.pixels).data.cast("B")
        written = 0
        while written < len(left):
            written += os.pwrite(pixels_file, left[written:], written)
    outlet.write(json.dumps(header_of(decoded)).encode() + b"\n")
    outlet.flush()


def read_pixels(header: dict[str, Any], pixels_file: int) -> np.ndarray:
    """Return the (T, H, W, 3) uint8 pixels that belong to a header.

    Raises:
        EOFError: When there are fewer than the header says.
    """
    pixels = np.empty(header["shape"], dtype=np.uint8)
    room = pixels.data.cast("B")
    filled = 0
    while filled < len(room):
        count = os.preadv(pixels_file, [room[filled:]], filled)
        if count == 0:
            raise EOFError
        filled += count
    return pixels


def main() -> None:
    """Decode until there are no more jobs, or nobody is there to give them.

    A thread waits for jobs, so that the process ends at once with the one that started it, even
    while it decodes.
    """
    pixels_file, threads = map(int, sys.argv[1:3])
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that gives the jobs
    outlet = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print, natively too, goes to stderr
    jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(jobs,), daemon=True).start()
    tell_source = partial(write_source, outlet=outlet)
    while True:
        # Without a name for the outcome, its pixels are not held while the next are decoded.
        job = read_job(jobs.get())
        write_outcome(decode(job, tell_source, threads=threads), outlet, pixels_file)


def _receive(jobs: queue.SimpleQueue[bytes]) -> None:
    for line in sys.stdin.buffer:
        jobs.put(line)
    os._exit(0)


def end_with_parent() -> None:
    """Ask Linux to kill this process when the one that started it dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
