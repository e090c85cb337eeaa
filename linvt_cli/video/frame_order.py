"""From what the packets say to the order and the times in which their frames are shown."""

from __future__ import annotations

import itertools
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from linvt_cli.video.scan import NO_STAMP, Scan

if TYPE_CHECKING:
    from linvt_cli.video.avi import Places


_LARGEST_REORDERING = 5  # s; no coder changes the order of frames that far apart
# In a transport stream a longer one is a clock that was set, or a signal that was gone.
_LONGEST_PAUSE = 10  # s
_FRAMES_OF_A_PAUSE = 20  # at least, so that a slide show keeps its pace


@dataclass(frozen=True, slots=True)
class Clock:
    """The units of a stream."""

    base: Fraction  # s, of a stamp
    rate: Fraction  # Hz, of frames


@dataclass(frozen=True, slots=True)
class Timing:
    """Which packet is shown when; the fields are those of ``VideoIndex``."""

    stamps: array[int] | None
    packet_times: array[float]
    shown: array[int]
    frame_times: array[float]
    lost: frozenset[int] = frozenset()
    countable: int | None = None
    joined: bool = False


def timing_of(scan: Scan, container: str, clock: Clock) -> Timing:
    """The order and times of the frames as the packets tell them."""
    joined = container == "mpegts" and _join_clocks(scan, round(1 / clock.rate / clock.base))
    stamps = _usable_stamps(scan, container, jump=round(_LARGEST_REORDERING / clock.base))
    shown = _shown_order(scan, stamps)
    if stamps is None:
        times = array("d", _steady_clock(scan, clock)[: len(shown)])
        return Timing(None, array("d"), shown, times)
    origin = stamps[shown[0]] if shown else 0
    ticks: Sequence[int] = stamps
    if container == "mpegts":
        ticks = _without_leaps(stamps, shown, clock)
    packet_times = array("d", (float((stamp - origin) * clock.base) for stamp in ticks))
    frame_times = array("d", (packet_times[n] for n in shown))
    return Timing(stamps, packet_times, shown, frame_times, joined=joined)


def _join_clocks(scan: Scan, usual: int) -> bool:
    """Let the clock run on where it begins anew, as in joined recordings; tell whether it did.

    Decode stamps only ever rise, but for single ones that are damaged. ``usual`` is the distance of
    two frames.
    """
    known = [number for number, stamp in enumerate(scan.decode_stamps) if stamp != NO_STAMP]
    clock = [scan.decode_stamps[number] for number in known]
    fours = zip(clock, clock[1:], clock[2:], clock[3:], strict=False)
    falls = (min(one, two) > max(three, four) for one, two, three, four in fours)
    joints = [known[place + 2] for place, fall in enumerate(falls) if fall]
    begins_free: int | None = None  # the first stamp that is behind the parts so far
    for begin, end in itertools.pairwise([0, *joints, len(scan.stamps)] if joints else ()):
        part = [number for number in range(begin, end) if scan.stamps[number] != NO_STAMP]
        if not part:
            continue
        stamps = [scan.stamps[number] for number in part]
        shift = 0 if begins_free is None else begins_free - min(stamps)
        for number in part:
            scan.stamps[number] += shift
        begins_free = max(stamps) + shift + usual
    return bool(joints)


def _without_leaps(stamps: Sequence[int], shown: Sequence[int], clock: Clock) -> Sequence[int]:
    """The stamps as if after each leap of the clock the next frame had followed at once."""
    usual = round(1 / clock.rate / clock.base)
    longest = max(round(_LONGEST_PAUSE / clock.base), _FRAMES_OF_A_PAUSE * usual)
    begins, saved = array("q", [NO_STAMP]), array("q", [0])
    for one, two in itertools.pairwise(shown):
        if stamps[two] - stamps[one] > longest:
            begins.append(stamps[two])
            saved.append(saved[-1] + stamps[two] - stamps[one] - usual)
    if len(begins) == 1:
        return stamps
    return [stamp - saved[bisect_right(begins, stamp) - 1] for stamp in stamps]


def with_gaps(timing: Timing, places: Places, scan: Scan, clock: Clock) -> Timing:
    """The frames at their true places, and between them those that are missing.

    A missing frame is given the packet of the one before it. Where frames are reordered, the gap
    confuses their order too: then all behind the first one count as missing.
    """
    stamps, counted = timing.stamps, scan.decode_stamps
    agree = (stamp == count for stamp, count in zip(places.stamps, counted, strict=True))
    gap = next((n for n, agrees in enumerate(agree) if not agrees), len(counted))
    every = sorted([stamp for stamp in places.stamps if stamp is not None] + places.lost)
    if stamps is None or stamps != counted:
        limit = every[-1] + 1 if gap == len(counted) else counted[gap]
        sound = [n for n in timing.shown if n < gap and (stamps is None or stamps[n] < limit)]
        known = dict(zip(every, sound, strict=False))
    else:
        known = {stamp: n for n in timing.shown if (stamp := places.stamps[n]) is not None}
    frames = [known.get(stamp) for stamp in every]
    before = next((n for n in frames if n is not None), 0)
    shown = array("q")
    for n in frames:
        before = before if n is None else n
        shown.append(before)
    return Timing(
        stamps=stamps,
        packet_times=timing.packet_times,
        shown=shown,
        frame_times=array("d", (float((stamp - every[0]) * clock.base) for stamp in every)),
        lost=frozenset(frame for frame, n in enumerate(frames) if n is None),
        countable=gap if stamps is None else None,
    )


def _usable_stamps(scan: Scan, container: str, jump: int) -> array[int] | None:
    """The presentation stamps, or None where they cannot be relied upon.

    AVI, program and raw streams give them for some packets only; recordings that were joined
    without care fall back by ``jump`` or more. In other containers a packet without a stamp is the
    second field of a frame and shows nothing by itself.
    """
    missing = [number for number, stamp in enumerate(scan.stamps) if stamp == NO_STAMP]
    steady = container in {"avi", "mpeg"} or len(missing) > len(scan.stamps) / 2
    if missing and (steady or missing[0] == 0):
        return None
    if container == "mpeg" and len(set(scan.stamps)) < len(scan.stamps):
        return None
    for number in missing:
        scan.visible[number] = 0
        scan.stamps[number] = scan.stamps[number - 1]
    latest = itertools.accumulate(scan.stamps, max)
    if any(peak - stamp > jump for peak, stamp in zip(latest, scan.stamps, strict=True)):
        return None
    return scan.stamps


def _shown_order(scan: Scan, stamps: array[int] | None) -> array[int]:
    """Packets of the frames in the order in which they are shown; none where none can be decoded.

    Nothing before the first frame that the decoder gives can be decoded: a recording may begin
    between two key frames. Of frames with the same time only the last would be seen.
    """
    visible = (number for number, seen in enumerate(scan.visible) if seen)
    if stamps is None:
        return array("q", visible)
    first = scan.first_frame
    begin = stamps[first.opaque] if first is not None and isinstance(first.opaque, int) else None
    if begin is not None and 1 in scan.keys:
        begin = min(begin, stamps[scan.keys.index(1)])  # a key frame with damage was there too
    order = [n for n in visible if begin is None or stamps[n] >= begin]
    order.sort(key=stamps.__getitem__)
    if not order:
        return array("q")
    followers = itertools.chain(order[1:], (None,))
    pairs = zip(order, followers, strict=True)
    return array("q", (n for n, then in pairs if then is None or stamps[then] > stamps[n]))


def _steady_clock(scan: Scan, clock: Clock) -> list[float]:
    """Times of frames without stamps: from the decoding stamps, the durations or the rate."""
    stamps = scan.decode_stamps
    if NO_STAMP not in stamps and all(a < b for a, b in itertools.pairwise(stamps)):
        return [float((stamp - stamps[0]) * clock.base) for stamp in stamps]
    if all(scan.durations):
        ends = itertools.accumulate(scan.durations, initial=0)
        return [float(ticks * clock.base) for ticks in ends][:-1]
    return [float(number / clock.rate) for number in range(len(stamps))]


def last_duration(scan: Scan, timing: Timing, clock: Clock) -> float:
    """How long the last frame is shown, in seconds."""
    times = timing.frame_times
    ticks = scan.durations[timing.shown[-1]]
    if ticks > 0:
        return float(ticks * clock.base)
    return times[-1] - times[-2] if len(times) > 1 else float(1 / clock.rate)


def restart_points(scan: Scan, stamps: array[int] | None) -> array[int]:
    """The key frame from which each packet's frame can be decoded.

    A frame that is coded after a key frame and shown before it may refer to what came earlier
    (an open GOP), so it is decoded from the key frame before.
    """
    points: array[int] = array("q")
    earlier = current = scan.keys.index(1) if 1 in scan.keys else 0
    for number, is_key in enumerate(scan.keys):
        if is_key:
            earlier, current = current, number
        leading = stamps is not None and stamps[number] < stamps[current]
        points.append(earlier if leading else current)
    return points
