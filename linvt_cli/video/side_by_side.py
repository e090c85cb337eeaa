"""Several decoders at once, each with a share of the wanted frames.

The threads of one decoder wait for each other at every seek, and for whoever takes its frames.
Decoders that each have a stretch of the video to themselves wait for nobody.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_left
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from queue import SimpleQueue

import numpy as np

Advance = Callable[[], None]
DecodedFrame = tuple[int, np.ndarray | None]
Decode = Callable[[Sequence[int], Advance], Iterable[DecodedFrame]]
Cost = Callable[[Sequence[int]], float]
# What a decoder sends: a frame, how many packets it has worked on, how it ended.
Message = DecodedFrame | int | BaseException | None

_MOST_DECODERS = 4  # each holds as many frames as its codec refers to
_OPENING_COST = 6.0  # decoded frames that opening the file once more is worth
# What threads of one decoder lose: with shares so uneven, several decoders are no quicker.
_UNEVEN = 1.2
_TICKS = 16  # packets that a decoder reports at once


class _StoppedError(Exception):
    """Nobody waits for the frames any more."""


def usable_cores() -> int:
    """Return on how many cores this process may run."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def shares_of(frames: Sequence[int], cost: Cost, cores: int) -> list[Sequence[int]]:
    """Cut the wanted frames into one stretch for each decoder; into one where more do not pay.

    Args:
        frames: ascending.
        cost: of reaching some frames with one decoder, in decoded frames; grows with them.
        cores: for all decoders together.
    """
    whole = cost(frames) if frames else 0.0
    for decoders in (_MOST_DECODERS, 2):
        if min(cores, len(frames)) < decoders:
            continue
        shares = _cut(frames, cost, decoders)
        longest = max(cost(share) for share in shares) + _OPENING_COST
        if longest * decoders <= _UNEVEN * whole:
            return shares
    return [frames]


def _cut(frames: Sequence[int], cost: Cost, parts: int) -> list[Sequence[int]]:
    """Halve the frames by their cost, and the halves again: parts is a power of two."""
    if parts == 1 or len(frames) < parts:
        return [frames]
    places = range(1, len(frames))
    even = bisect_left(places, True, key=lambda n: cost(frames[:n]) >= cost(frames[n:]))
    near = places[max(0, even - 1) : even + 1]
    place = min(near, key=lambda n: max(cost(frames[:n]), cost(frames[n:])))
    half = parts // 2
    return [*_cut(frames[:place], cost, half), *_cut(frames[place:], cost, half)]


def decode_shares(
    decode: Decode, shares: Sequence[Sequence[int]], advance: Advance
) -> Generator[DecodedFrame]:
    """Give the frames of all shares as they come, each decoded in a thread of its own.

    A single share is decoded here. ``advance`` is called here too, and ``decode`` must call the one
    that it is given for every packet: that is where it is stopped if nobody wants more.

    Raises:
        Exception: What ``decode`` raises first, once all threads have ended.
    """
    if len(shares) == 1:
        yield from decode(shares[0], advance)
        return
    arriving: SimpleQueue[Message] = SimpleQueue()
    stop = threading.Event()
    threads = [
        threading.Thread(target=_work, args=(decode, share, arriving, stop)) for share in shares
    ]
    try:
        for thread in threads:
            thread.start()
        for message in _messages(arriving, len(threads)):
            if isinstance(message, tuple):
                yield message
            else:
                for _ in range(message):
                    advance()
    finally:
        stop.set()
        for thread in threads:
            if thread.is_alive():
                thread.join()


def _messages(arriving: SimpleQueue[Message], working: int) -> Iterator[DecodedFrame | int]:
    """Yield what decoders send until all have ended, or raise what ended the first."""
    while working:
        message = arriving.get()
        if isinstance(message, BaseException):
            raise message
        if message is None:
            working -= 1
        else:
            yield message


def _work(
    decode: Decode,
    share: Sequence[int],
    arriving: SimpleQueue[Message],
    stop: threading.Event,
) -> None:
    """Decode one share; at the end there is None, or what went wrong."""
    ticks = 0

    def count() -> None:
        nonlocal ticks
        if stop.is_set():
            raise _StoppedError
        ticks += 1
        if ticks == _TICKS:
            arriving.put(ticks)
            ticks = 0

    try:
        for frame in decode(share, count):
            arriving.put(frame)
        arriving.put(ticks)
        arriving.put(None)
    except BaseException as error:  # noqa: BLE001 - it is raised where the frames are taken
        arriving.put(error)
