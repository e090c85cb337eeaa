"""When something changes in front of a camera, and when the picture is still.

Two frames a moment apart are compared pixel by pixel; what differs by more than noise and
compression explain is a change. Nothing is known of what is shown. Frames are small and in time
order, T of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from linvt_cli.types import Frames

_LEVELS = 7.0  # of 255: less is what compression does to a still picture
_NOISE_FACTOR, _MOST_NOISE = 4.0, 4.0
_LEAST_AREA = 1 / 600  # of the frame
_PATCH = 6  # px
_PATCH_LEVELS = 10.0
_MOMENTS = 64  # of a burst that are compared with the still picture before it
_UNDONE = 0.35  # of a change: as much may remain where it is called undone
_RHYTHM_TOLERANCE = 0.2
_LEAST_BLINKS = 3


@dataclass(frozen=True, slots=True)
class Burst:
    """A stretch of change: still up to its first frame, still again from its last one on."""

    first: int
    last: int


def find_bursts(frames: Frames, pause: float) -> tuple[Burst, ...]:
    """The stretches in which something changes, in order.

    Args:
        frames: of one shot.
        pause: s; stretches are parted where the picture stands still for longer than about this.
    """
    if len(frames.times) < 2:
        return ()
    interval = (frames.times[-1] - frames.times[0]) / (len(frames.times) - 1)
    lag = min(max(1, round(pause / interval)), len(frames.times) - 1)
    active = changed_areas(frames.pixels, lag) > _LEAST_AREA
    bursts = [burst for burst in _stretches(active, lag) if _stands_out(burst, frames.pixels)]
    return _join_rhythms(bursts, frames)


def changed_areas(pixels: np.ndarray, lag: int) -> np.ndarray:
    """Share of the picture that changes from each frame to the one ``lag`` later: (T - lag,)."""
    histograms = np.stack(
        [
            np.bincount(_difference(before, after).ravel(), minlength=256)
            for before, after in zip(pixels[:-lag], pixels[lag:], strict=True)
        ]
    )
    below = np.cumsum(histograms, axis=1)
    num_pixels = below[0, -1]
    medians = (below * 2 < num_pixels).sum(axis=1)
    # In the stillest moments the median difference is noise; in a moving picture it is more.
    noise = min(_MOST_NOISE, float(np.percentile(medians, 10)))
    threshold = int(_LEVELS + _NOISE_FACTOR * noise)
    areas: np.ndarray = 1 - below[:, threshold] / num_pixels
    return areas


def _difference(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Largest difference of the three colours: (H, W) uint8."""
    difference: np.ndarray = (np.maximum(before, after) - np.minimum(before, after)).max(axis=-1)
    return difference


def _stretches(active: np.ndarray, lag: int) -> list[Burst]:
    """Bursts from the pairs, ``lag`` frames apart, between which something changes.

    A change between two neighbouring frames shows in ``lag`` pairs, so as much is taken off. What
    is undone within fewer frames comes as short runs, whose bursts touch or overlap: it is one.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], active.astype(np.int8), [0]])))
    bursts: list[Burst] = []
    for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        # A run that touches an end of the shot is cut short there by the missing pairs.
        first = 0 if begin == 0 else begin + lag - 1
        last = len(active) + lag - 1 if end == len(active) else end
        burst = Burst(min(first, last - 1), max(last, first + 1))
        if bursts and burst.first <= bursts[-1].last:
            before = bursts.pop()
            burst = Burst(before.first, max(before.last, burst.last))
        bursts.append(burst)
    return bursts


def _stands_out(burst: Burst, pixels: np.ndarray) -> bool:
    """Whether a patch of the picture changes as a whole.

    Where an encoder begins anew with a key frame, edges change a little everywhere, no patch does.
    """
    during = np.linspace(burst.first + 1, burst.last, _MOMENTS).astype(int)
    still = _patches(pixels[burst.first])
    return any(np.abs(_patches(pixels[now]) - still).max() > _PATCH_LEVELS for now in during)


def _patches(frame: np.ndarray) -> np.ndarray:
    """Mean colours of square patches: (rows, columns, 3) float."""
    side = min(_PATCH, *frame.shape[:2])
    rows, columns = frame.shape[0] // side, frame.shape[1] // side
    whole = frame[: rows * side, : columns * side].astype(np.float32)
    means: np.ndarray = whole.reshape(rows, side, columns, side, 3).mean(axis=(1, 3))
    return means


def _join_rhythms(bursts: Sequence[Burst], frames: Frames) -> tuple[Burst, ...]:
    """Join sudden changes that undo one another in turn at an even pace: one thing that blinks."""
    joined = []
    index = 0
    while index < len(bursts):
        length = _rhythm_length(bursts[index:], frames)
        joined.append(Burst(bursts[index].first, bursts[index + length - 1].last))
        index += length
    return tuple(joined)


def _rhythm_length(bursts: Sequence[Burst], frames: Frames) -> int:
    """How many bursts from the first on belong together; 1 where they are no rhythm."""
    paces: list[float] = []
    for one, two in pairwise(bursts):
        pace = _middle(two, frames) - _middle(one, frames)
        even = all(abs(pace - other) <= _RHYTHM_TOLERANCE * pace for other in paces)
        sudden = max(_length(one, frames), _length(two, frames)) <= pace / 2
        if not (even and sudden and _undoes(one, two, frames.pixels)):
            break
        paces.append(pace)
    return len(paces) + 1 if len(paces) + 1 >= _LEAST_BLINKS else 1


def _undoes(one: Burst, two: Burst, pixels: np.ndarray) -> bool:
    """Whether the second burst brings back what was there before the first."""
    changed = _difference(pixels[one.first], pixels[one.last]).astype(float)
    place = changed > _LEVELS
    remaining = _difference(pixels[one.first], pixels[two.last])[place]
    return bool(place.any() and remaining.mean() <= _UNDONE * changed[place].mean())


def _middle(burst: Burst, frames: Frames) -> float:
    return (frames.times[burst.first] + frames.times[burst.last]) / 2


def _length(burst: Burst, frames: Frames) -> float:
    return frames.times[burst.last] - frames.times[burst.first]
