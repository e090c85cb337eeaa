"""The parts of a video that deserve words of their own, found from its frames alone.

A video with cuts has its shots. Within a shot, or in a video without cuts, the picture may stand
still and something may happen in it once in a while: then each stretch of activity is a part, and
what lies between is none. One continuous scene is one part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from linvt_cli.config import FrameSampling
from linvt_cli.types import Frames
from linvt_cli.video.activity import find_bursts
from linvt_cli.video.reader import OnProgress, read_frames
from linvt_cli.video.sampling import TIME_TOLERANCE, wanted_times
from linvt_cli.video.shots import find_cuts

_RATE = 24.0  # frames a second are enough to see a cut as one
_MAX_FRAMES = 1200  # of a long video, evenly spread: this bounds time and memory
_SHORT_SIDE = 96  # px
_PAUSE_SHARE = 0.02  # of a shot: a pause this long parts two events
_PAUSE_BETWEEN_CUTS = 1.0  # s: where there are cuts, they say what is a part
_JITTER = 0.1  # of a step: frames of 24 or 25 a second are no slower than the scan
_MOVING = 10  # percent: of the frames at an uneven rate so many at least are of something moving
_LEAST_LENGTH = 0.5  # s: a part can be read


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a video, in seconds, and how far around it nothing else happens."""

    start: float
    end: float
    earliest: float  # <= start
    latest: float  # >= end

    def joined(self, later: Span) -> Span:
        """This part and a later one as one."""
        return Span(self.start, later.end, self.earliest, later.latest)


def find_spans(
    path: str | Path,
    sampling: FrameSampling,
    max_spans: int,
    *,
    on_progress: OnProgress | None = None,
) -> tuple[Span, ...]:
    """The parts of a video, in order; at most ``max_spans``, none of a single frame.

    Args:
        path: of a video or picture file.
        sampling: its ``start``, ``end`` and ``decoder`` are used.
        max_spans: where there are more, the shortest neighbours are joined.
        on_progress: called as ``read_frames`` says.

    Raises:
        VideoError: as ``read_frames`` does.
    """
    scan = FrameSampling(
        fps=_RATE,
        max_frames=_MAX_FRAMES,
        short_side=_SHORT_SIDE,
        start=sampling.start,
        end=sampling.end,
        decoder=sampling.decoder,
    )
    frames = read_frames(path, scan, on_progress=on_progress)
    if len(frames.times) < 2:
        return ()
    duration = frames.video.duration
    start, end = sampling.start or 0.0, min(sampling.end or duration, duration)
    interval = float(np.percentile(np.diff(frames.times), _MOVING))
    even = evenly(frames, wanted_times(scan, start, end - start))
    return _bounded(_lengthened(spans_of(even, start, end, interval)), max_spans)


def evenly(frames: Frames, moments: Sequence[float]) -> Frames:
    """The frames shown at even moments, again and again where the picture stands still.

    Recordings of screens have no frames in pauses, and what follows counts frames. A frame keeps
    its own time where it comes first; moments before the first frame are left out.
    """
    times, wanted = np.asarray(frames.times), np.asarray(moments)
    wanted = wanted[wanted + TIME_TOLERANCE >= times[0]]
    shown = np.searchsorted(times, wanted + TIME_TOLERANCE, side="right") - 1
    is_first = np.diff(shown, prepend=-1) > 0
    even = np.where(is_first, times[shown], wanted)
    return replace(frames, pixels=frames.pixels[shown], times=tuple(even.tolist()))


def spans_of(frames: Frames, start: float, end: float, interval: float = 0.0) -> list[Span]:
    """The parts between two moments, from frames of all that lies between them.

    Args:
        frames: at an even pace.
        start: s.
        end: s.
        interval: s between two frames of the video, as a rule; longer where frames are repeated.
    """
    cuts = find_cuts(frames)
    firsts = (0, *cuts)
    bounds = [start, *(frames.times[cut] for cut in cuts), end]
    spans: list[Span] = []
    for first, stop, begins, ends in zip(
        firsts, (*cuts, len(frames.times)), bounds[:-1], bounds[1:], strict=True
    ):
        pause = _PAUSE_SHARE * (ends - begins)
        if cuts:
            pause = max(pause, _PAUSE_BETWEEN_CUTS)
        pause = _whole_steps(pause, frames.times, interval)
        shot = replace(frames, pixels=frames.pixels[first:stop], times=frames.times[first:stop])
        spans += _spans_of_shot(shot, begins, ends, pause)
    return spans


def _whole_steps(pause: float, times: Sequence[float], interval: float) -> float:
    """The pause as a whole number of the video's own frames, in steps from one time to the next.

    Else a pause of less than a frame would be found between any two frames of a slow video.
    """
    step = (times[-1] - times[0]) / (len(times) - 1)
    interval = max(interval, step)
    return math.ceil(max(1, round(pause / interval)) * interval / step - _JITTER) * step


def _spans_of_shot(shot: Frames, begins: float, ends: float, pause: float) -> list[Span]:
    """The stretches of activity of a shot; all of it where nothing stirs."""
    stretches = []
    for burst in find_bursts(shot, pause):
        start, end = shot.times[burst.first], shot.times[burst.last]
        at_once = burst.first == 0 or start - begins <= pause
        to_the_last = burst.last == len(shot.times) - 1 or ends - end <= pause
        stretches.append((begins if at_once else start, ends if to_the_last else end))
    stretches = stretches or [(begins, ends)]
    earliest = [begins, *(end for _, end in stretches[:-1])]
    latest = [*(start for start, _ in stretches[1:]), ends]
    return [
        Span(start, end, before, after)
        for (start, end), before, after in zip(stretches, earliest, latest, strict=True)
    ]


def _lengthened(spans: Sequence[Span]) -> list[Span]:
    """Widen what is too short to read, as far as nothing else happens."""
    return [
        span
        if (missing := _LEAST_LENGTH - (span.end - span.start)) <= 0
        else replace(
            span,
            start=max(span.start - missing / 2, (span.earliest + span.start) / 2),
            end=min(span.end + missing / 2, (span.end + span.latest) / 2),
        )
        for span in spans
    ]


def _bounded(spans: list[Span], max_spans: int) -> tuple[Span, ...]:
    while len(spans) > max_spans:
        lengths = [two.end - one.start for one, two in pairwise(spans)]
        place = lengths.index(min(lengths))
        spans[place : place + 2] = [spans[place].joined(spans[place + 1])]
    return tuple(spans)
