"""Which moments of a video are looked at: arithmetic only, no file is touched here.

Times are seconds from the first shown frame. ``wanted_times`` turns the user's rule into moments,
``shown_frames`` turns moments into the frames that a player shows then.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from linvt_cli.config import FrameSampling
from linvt_cli.errors import ConfigError, VideoError
from linvt_cli.video.files import shown_name

# Containers store times rounded to as much as 1 ms (Matroska), and people type three decimals.
TIME_TOLERANCE = 1e-3
# Durations are shown rounded: asking for 10.0 s of a video of 9.97 s means its last frame.
END_TOLERANCE = 0.1

_SECONDS = re.compile(r"[0-9]+\.?[0-9]*|\.[0-9]+")  # no sign, exponent, ``nan`` or ``_``


@dataclass(frozen=True, slots=True)
class Timeline:
    """When the frames of a video are shown. Times are seconds from the first of them."""

    frame_times: Sequence[float]  # strictly ascending
    end: float  # when the last frame that is in the file ends
    promised: float  # how long the file says it is; more than ``end`` where it was cut off
    cut_off: bool = False  # whether bytes are missing at its end


@dataclass(frozen=True, slots=True)
class Choice:
    """The frames that are to be decoded, and how many more lie in the part that was cut off."""

    frames: tuple[int, ...]  # sorted, each once
    num_lost: int


def choose_frames(sampling: FrameSampling, timeline: Timeline, path: Path) -> Choice:
    """The frames shown at the moments that the user wants.

    Raises:
        VideoError: When the start or a wanted time lies beyond the end of the video.
        ConfigError: When a wanted time lies outside of ``start`` and ``end``.
    """
    start = sampling.start or 0.0
    _check_times(sampling, start, timeline.promised, path)
    end = min(timeline.promised, sampling.end or timeline.promised)
    wanted = wanted_times(sampling, start, end - start)
    if timeline.end >= timeline.promised:
        return Choice(shown_frames(timeline.frame_times, wanted), 0)
    there = [time for time in wanted if time < timeline.end]
    # Several moments may want one lost frame too: count frames at the pace of those that are there.
    pace = len(timeline.frame_times) / timeline.end
    lost = {math.floor(time * pace) for time in wanted if time >= timeline.end}
    return Choice(shown_frames(timeline.frame_times, there), len(lost))


def _check_times(sampling: FrameSampling, start: float, duration: float, path: Path) -> None:
    latest = max((start, *sampling.at))
    if latest > duration + END_TOLERANCE or start >= duration:
        raise VideoError(
            f"{shown_name(path)} lasts {duration:.2f} s and has no frame at {latest:g} s",
            path=path,
            hint="ask for times within the video: --start, --at",
        )
    end = sampling.end if sampling.end is not None else math.inf
    if any(not start <= time <= end for time in sampling.at):
        raise ConfigError(
            f"Wanted times must lie between the start ({start:g} s) and the end ({end:g} s)",
            field="at",
            hint="leave out --start and --end, or name times between them",
        )


def wanted_times(sampling: FrameSampling, start: float, duration: float) -> tuple[float, ...]:
    """The moments at which the part from ``start``, lasting ``duration`` seconds, is looked at.

    Explicit times are returned as they are, sorted and without repeats. A rate begins at the start
    and keeps at most ``max_frames``, thinned evenly. A number means the centres of as many equal
    parts.
    """
    if sampling.at:
        return tuple(sorted(set(sampling.at)))
    if sampling.fps is None:
        return _centres(start, duration, sampling.num_frames)
    # The small number keeps 2 s at 5 fps from becoming 11 moments by rounding.
    count = max(1, math.ceil(duration * sampling.fps - 1e-6))
    kept = min(count, sampling.max_frames)
    steps = (math.floor((index + 0.5) * count / kept) for index in range(kept))
    return tuple(start + step / sampling.fps for step in steps)


def _centres(start: float, duration: float, count: int) -> tuple[float, ...]:
    return tuple(start + duration * (index + 0.5) / count for index in range(count))


def shown_frames(frame_times: Sequence[float], wanted: Sequence[float]) -> tuple[int, ...]:
    """Indices of the frames shown at the wanted moments: sorted, each once.

    A frame is shown from its time until the next frame's. ``frame_times`` ascends.
    """
    shown = (bisect_right(frame_times, time + TIME_TOLERANCE) - 1 for time in wanted)
    return tuple(sorted({max(0, index) for index in shown}))


def parse_time(text: str) -> float:
    """Seconds from ``83.5``, ``1:23`` or ``0:01:23.5``.

    Raises:
        ConfigError: When the text is none of these, or minutes or seconds reach 60.
    """
    parts = text.strip().split(":")
    *whole, seconds = parts
    is_time = (
        len(parts) <= 3
        and _SECONDS.fullmatch(seconds) is not None
        and all(part.isascii() and part.isdigit() for part in whole)
        and all(float(part) < 60 for part in parts[1:])
    )
    if not is_time:
        raise ConfigError(
            f"'{text}' is not a time",
            field="time",
            hint="write seconds (83.5), minutes (1:23) or hours (0:01:23.5)",
        )
    return sum(float(part) * 60.0**power for power, part in enumerate(reversed(parts)))


def parse_times(text: str) -> tuple[float, ...]:
    """Seconds from several times with commas between them.

    Raises:
        ConfigError: When one of them is not a time.
    """
    return tuple(parse_time(part) for part in text.split(","))
