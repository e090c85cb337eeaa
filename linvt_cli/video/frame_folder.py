"""A video that was taken apart into pictures: a folder of them, numbered by their names."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from linvt_cli.config import FrameSampling
from linvt_cli.errors import ConfigError, VideoDecodeError, VideoNotFoundError
from linvt_cli.types import Frames, VideoInfo
from linvt_cli.video.collected import Collected
from linvt_cli.video.files import shown_name
from linvt_cli.video.pictures import read_picture
from linvt_cli.video.sampling import Timeline, choose_frames
from linvt_cli.video.shrink import target_size

SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})


def read_frame_folder(folder: str | Path, sampling: FrameSampling, *, frame_rate: float) -> Frames:
    """The frames shown at the wanted times, as ``read_frames`` gives those of a file.

    Where all names are numbers, a missing number is a moment without a picture of its own; else
    the pictures follow one another in the order of their names.

    Args:
        folder: of JPEG or PNG files.
        sampling: which frames are wanted; ``decoder`` is of no account.
        frame_rate: pictures a second.

    Raises:
        VideoNotFoundError: When there is no such folder.
        VideoDecodeError: When no picture is in it, or none of the wanted ones can be read.
        VideoError: When a wanted time lies beyond the last picture.
        ConfigError: When the rate is not positive.
    """
    began = time.perf_counter()
    if frame_rate <= 0:
        raise ConfigError(
            f"Frames per second must be positive, not {frame_rate}", field="fps", hint="3 is usual"
        )
    place = Path(folder)
    pictures = _pictures(place)
    times = _times(pictures, frame_rate)
    end = times[-1] + 1 / frame_rate
    timeline = Timeline(times, end, end)
    with read_picture(pictures[0]) as first:
        info = VideoInfo(
            path=place,
            width=first.info.width,
            height=first.info.height,
            duration=end,
            num_frames=len(pictures),
            codec=first.info.codec,
            decoder="pillow",
        )
    size = target_size((info.height, info.width), sampling.short_side)
    collected = Collected(choose_frames(sampling, timeline, place), size, place)
    collected.add(_pixels(pictures, collected.choice.frames))
    frames = collected.frames(info, timeline)
    return Frames(
        frames.pixels,
        frames.times,
        frames.video,
        frames.coverage,
        frames.warnings,
        seconds=time.perf_counter() - began,
    )


def _pictures(folder: Path) -> list[Path]:
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise VideoNotFoundError(
            f"There is no folder {shown_name(folder)}",
            path=folder,
            hint="Check the spelling and the folder",
        ) from error
    if not found:
        raise VideoDecodeError(
            f"No JPEG or PNG file is in {shown_name(folder)}",
            path=folder,
            hint="name a folder that holds the pictures of one video",
        )
    if all(path.stem.isdecimal() for path in found):
        found.sort(key=lambda path: int(path.stem))
    return found


def _times(pictures: Sequence[Path], frame_rate: float) -> list[float]:
    numbers = [int(path.stem) if path.stem.isdecimal() else -1 for path in pictures]
    if -1 in numbers or len(set(numbers)) < len(numbers):
        numbers = list(range(len(pictures)))
    return [(number - numbers[0]) / frame_rate for number in numbers]


def _pixels(
    pictures: Sequence[Path], numbers: Sequence[int]
) -> Iterator[tuple[int, np.ndarray | None]]:
    for number in numbers:
        try:
            with read_picture(pictures[number]) as reader:
                yield number, next(iter(reader.pixels((0,))))[1]
        except VideoDecodeError:
            yield number, None
