"""What a player shows of the numbered clips, and what the reader returned that it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from linvt_cli.config import DecoderChoice, FrameSampling
from linvt_cli.errors import VideoDecodeError, VideoError
from linvt_cli.types import Frames
from linvt_cli.video.reader import read_frames
from tests.video.numbered import read

DECODERS: tuple[DecoderChoice, ...] = ("auto", "opencv", "pyav")
TimedFrames = list[tuple[float, int]]  # time and number


def samplings(duration: float) -> list[FrameSampling]:
    """One of each rule, with moments on, between and just before frame times."""
    moments = sorted(np.random.default_rng(5).uniform(0, duration, 12).tolist())
    return [
        FrameSampling(num_frames=16),
        FrameSampling(num_frames=3),
        FrameSampling(fps=4.0),
        FrameSampling(fps=25.0, start=0.4 * duration, end=0.6 * duration),
        FrameSampling(num_frames=5, start=0.5 * duration),
        FrameSampling(at=tuple(moments)),
        FrameSampling(at=(0.9 * duration,)),
    ]


def numbers_shown(frames: TimedFrames, moments: Sequence[float]) -> list[int]:
    """What a player shows at the moments: the last frame that has begun."""
    shown = []
    for moment in moments:
        begun = [number for time, number in frames if time <= moment + 1e-3]
        shown.append(begun[-1] if begun else frames[0][1])
    return sorted(set(shown), key=[number for _, number in frames].index)


def moments_of(sampling: FrameSampling, duration: float) -> Sequence[float]:
    start, end = sampling.start or 0.0, sampling.end or duration
    if sampling.at:
        return sampling.at
    if sampling.fps:
        count = int(np.ceil((end - start) * sampling.fps - 1e-6))
        return [start + step / sampling.fps for step in range(max(1, count))]
    count = sampling.num_frames
    return [start + (end - start) * (part + 0.5) / count for part in range(count)]


def wrong_frames(result: Frames, frames: TimedFrames) -> TimedFrames:
    """Returned frames whose number or time is not that of a frame of the video."""
    truth = {number: time for time, number in frames}
    return [
        (time, number)
        for time, number in zip(result.times, map(read, result.pixels), strict=True)
        if number not in truth or abs(truth[number] - time) > 2e-3
    ]


def expect_shown_frames(path: Path, frames: TimedFrames, decoder: DecoderChoice) -> None:
    """Every rule of sampling gives all the frames that a player shows, and says nothing of loss."""
    duration = read_frames(path, FrameSampling(num_frames=1)).video.duration
    for sampling in samplings(duration):
        result = read_frames(path, replace(sampling, decoder=decoder))
        expected = numbers_shown(frames, moments_of(sampling, duration))
        assert [read(pixels) for pixels in result.pixels] == expected, sampling
        assert wrong_frames(result, frames) == []
        assert (result.coverage, result.warnings) == (1.0, ())


def expect_error(
    path: str | Path, error: type[VideoError] = VideoDecodeError, match: str | None = None
) -> None:
    for decoder in DECODERS:
        with pytest.raises(error, match=match) as caught:
            read_frames(path, FrameSampling(decoder=decoder))
        assert "\n" not in caught.value.message
