"""Where one shot ends and the next begins, as PySceneDetect sees it.

Its detectors are given the frames that linvt decoded, with their presentation times, so the file is
read by one reader only.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from scenedetect.common import FrameTimecode, Timecode
from scenedetect.detectors import ContentDetector

from linvt_cli.types import Frames

_TICKS = 1_000_000  # a second: times of containers are coarser
_MIN_SHOT = 0.4  # s; faster cuts are flashes, or one sequence


def find_cuts(frames: Frames) -> tuple[int, ...]:
    """The frames that begin a new shot, in order; the first frame is none of them.

    Frames may be far apart. A cut shows between any two frames, but so does quick motion when they
    are more than about a second apart.
    """
    if len(frames.times) < 2:
        return ()
    # The rate turns numbers of frames into times; times decide everything that is asked for here.
    rate = Fraction((len(frames.times) - 1) / (frames.times[-1] - frames.times[0]))
    detector = ContentDetector(min_scene_len=_MIN_SHOT)
    ticks = [round(time * _TICKS) for time in frames.times]
    numbers = {tick: number for number, tick in enumerate(ticks)}
    cuts: set[int] = set()
    for tick, pixels in zip(ticks, frames.pixels, strict=True):
        code = FrameTimecode(Timecode(tick, Fraction(1, _TICKS)), rate)
        found = detector.process_frame(code, np.ascontiguousarray(pixels[..., ::-1]))
        cuts.update(numbers[round(cut.seconds * _TICKS)] for cut in found)
    return tuple(sorted(cuts - {0}))
