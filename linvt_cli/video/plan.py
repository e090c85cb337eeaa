"""Where to seek and what to walk through: the cheapest way to the wanted frames by the index.

Costs are in decoded frames. A plan is a list of runs; each run decodes from a restart point up to
its last target without a pause.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from linvt_cli.video.index import Picture, VideoIndex

# A seek empties the decoder's threads; measured as about this many frames on two cores.
_SEEK_COST = 6.0
# A frame that is skipped is still read and parsed.
_SKIPPED_COST = 0.05
# OpenCV's own seek goes to the key frame before the target less this many frames.
OPENCV_RUN_UP = 16
# PyAV takes over where the index makes it this many times cheaper than OpenCV.
PYAV_ADVANTAGE = 1.15

_SEEKABLE = ("mov", "matroska", "mpegts", "avi")
_OPENCV_SEEKS = ("mov", "matroska")
_OPENCV_EXACT = ("mov", "matroska", "avi", "gif", "apng", "flv")
# Codecs in which PyAV's strict decoding notices nearly every flipped bit. OpenCV paints over such
# damage and reports success; in other codecs neither of them can tell.
_DAMAGE_SHOWS = {"h264", "mpeg4", "mpeg2video", "mpeg1video", "mjpeg"}
_SIZED = ("mov", "matroska", "avi", "flv", "gif", "apng", "asf", "ogg", "nut")
_MOST_REORDERED = 16  # frames that a decoder may hold back (H.264 table A-1)
_SHORTEST_GAP = 2e-3  # s; OpenCV's times tell frames apart down to this


@dataclass(frozen=True, slots=True)
class Run:
    """One stretch of decoding."""

    start: int  # packet (PyAV) or frame (OpenCV) to seek to; 0 is the beginning
    targets: tuple[int, ...]  # frames, in the order in which they come out


@dataclass(frozen=True, slots=True)
class Plan:
    """Runs that reach all wanted frames."""

    runs: tuple[Run, ...]
    cost: float  # decoded frames
    num_packets: int  # that are read on the way


Planner = Callable[[Sequence[int]], Plan]


def plan_pyav(index: VideoIndex, frames: Sequence[int]) -> Plan:
    """The way for PyAV, which skips droppable frames and restarts exactly at a key frame."""
    return pyav_planner(index, frames)(frames)


def pyav_planner(index: VideoIndex, frames: Sequence[int]) -> Planner:
    """What gives the ways for PyAV to parts of the wanted frames: all packets are counted once."""
    if index.stamps is None:
        return _walk
    wanted = {index.shown[frame]: frame for frame in frames}
    sums = _sums(
        _SKIPPED_COST if droppable and number not in wanted else 1.0
        for number, droppable in enumerate(index.droppable)
    )
    # Behind a gap, the numbers that a seek tells are not those that a walk counts.
    seekable = index.container.startswith(_SEEKABLE) and not (index.lost or index.joined)
    restart = index.restarts.__getitem__ if seekable else lambda _: index.begin

    def plan(part: Sequence[int]) -> Plan:
        packets = sorted({index.shown[frame] for frame in part})
        way = _plan(packets, restart, sums, begin=index.begin)
        runs = tuple(Run(run.start, tuple(wanted[p] for p in run.targets)) for run in way.runs)
        return replace(way, runs=runs)

    return plan


def plan_opencv(index: VideoIndex, frames: Sequence[int]) -> Plan:
    """The way for OpenCV, which decodes everything and restarts some frames too early."""
    if index.stamps is None or not index.container.startswith(_OPENCV_SEEKS):
        return _walk(frames)

    def restart(frame: int) -> int:
        return index.frame_of(index.restarts[index.shown[max(0, frame - OPENCV_RUN_UP)]])

    plan = _plan(frames, restart, range(len(index.shown) + 1), begin=0)
    # Not farther than OpenCV has to run up: its seek cannot be interrupted, the walk behind can.
    runs = tuple(
        Run(min(run.targets[0], run.start + OPENCV_RUN_UP + 1) if run.start else 0, run.targets)
        for run in plan.runs
    )
    return replace(plan, runs=runs)


def opencv_planner(index: VideoIndex, _frames: Sequence[int]) -> Planner:
    """What gives the ways for OpenCV to parts of the wanted frames."""
    return partial(plan_opencv, index)


def opencv_obstacle(index: VideoIndex) -> str | None:
    """Why OpenCV would give wrong frames of this video, or none; None where it does not."""
    return _obstacle_to_opening(index) or _obstacle_in(index.picture) or _obstacle_to_order(index)


def _obstacle_to_opening(index: VideoIndex) -> str | None:
    if not _is_utf8(index.path):
        return "its name is not UTF-8"  # OpenCV would end the process, by a segmentation fault
    if index.stamps is None:
        return "it has no times by which frames could be checked"
    if index.lost:
        return "it does not notice that frames are missing"
    if not index.container.startswith(_OPENCV_EXACT):
        return "a broken end of this kind of file cannot be told from a whole one"
    if not index.only_video_stream:
        return "the file has several video streams"
    return None


def _obstacle_in(picture: Picture) -> str | None:
    if picture.interlaced:
        return "it garbles interlaced video"
    if picture.transfer != "standard":
        return "it takes the colours of HDR video for others"
    if picture.transparent:
        return "it takes what is transparent for opaque"
    if picture.resized:
        return "the size of its picture changes"
    return None


def _obstacle_to_order(index: VideoIndex) -> str | None:
    in_order = all(a < b for a, b in itertools.pairwise(index.shown))
    if index.container == "avi" and not in_order:
        return "AVI files do not say when reordered frames are shown"
    gaps = (later - earlier for earlier, later in itertools.pairwise(index.frame_times))
    if min(gaps, default=1.0) < _SHORTEST_GAP:
        return "frames follow each other too fast for its clock"
    return None


def _is_utf8(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def suspicious(index: VideoIndex, frames: Sequence[int]) -> tuple[int, ...]:
    """Wanted frames of the last packet in a container that does not say how long packets are.

    A file of that kind that was cut off ends with a part of a frame, and nothing shows it.
    """
    if index.container.startswith(_SIZED):
        return ()
    last = index.num_packets - 1
    if index.stamps is None:
        return tuple(frame for frame in frames if frame > last - _MOST_REORDERED)
    return tuple(frame for frame in frames if index.shown[frame] == last)


def prefers_opencv(index: VideoIndex, frames: Sequence[int]) -> bool:
    """Whether OpenCV decodes: where it is exact, sees as much damage and costs not much more."""
    return (
        opencv_obstacle(index) is None
        and index.codec not in _DAMAGE_SHOWS
        and plan_opencv(index, frames).cost < PYAV_ADVANTAGE * plan_pyav(index, frames).cost
    )


def _sums(weights: Iterable[float]) -> array[float]:
    return array("d", itertools.accumulate(weights, initial=0.0))


def _walk(frames: Sequence[int]) -> Plan:
    count = max(frames, default=-1) + 1
    return Plan((Run(0, tuple(frames)),), cost=float(count), num_packets=count)


def _plan(
    targets: Sequence[int], restart: Callable[[int], int], sums: Sequence[float], *, begin: int
) -> Plan:
    """Runs over targets in decoding order; ``sums[n]`` is the cost of everything before n."""
    runs: list[tuple[int, list[int]]] = [(begin, [])]
    cost = 0.0
    num_packets = 0
    position = begin
    for target in targets:
        key = restart(target)
        walk = sums[target + 1] - sums[position]
        jump = _SEEK_COST + sums[target + 1] - sums[key]
        # A leading picture of the frame at which a run began needs an earlier beginning.
        out_of_reach = key < runs[-1][0]
        if out_of_reach or (key > position and jump < walk):
            runs.append((key, []))
            position = key
            cost += jump
        else:
            cost += walk
        num_packets += target + 1 - position
        runs[-1][1].append(target)
        position = target + 1
    return Plan(
        tuple(Run(start, tuple(group)) for start, group in runs if group), cost, num_packets
    )
