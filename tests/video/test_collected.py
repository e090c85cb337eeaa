from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from linvt_cli.errors import VideoDecodeError, VideoError
from linvt_cli.types import VideoInfo
from linvt_cli.video.collected import Collected
from linvt_cli.video.sampling import Choice, Timeline

PATH = Path("a.mp4")
INFO = VideoInfo(PATH, 8, 8, 10.0, 5, "h264", "pyav")
TIMELINE = Timeline((0.0, 1.0, 2.0, 3.0, 4.0), 5.0, 10.0)


def frame(value: int) -> np.ndarray:
    return np.full((8, 8, 3), value, np.uint8)


def test_frames_come_back_in_time_order_whatever_order_they_arrive_in():
    collected = Collected(Choice((1, 3, 4), 0), (8, 8), PATH)
    collected.add([(4, frame(40)), (1, frame(10)), (3, frame(30))])
    frames = collected.frames(INFO, TIMELINE)
    assert frames.times == (1.0, 3.0, 4.0)
    assert frames.pixels[:, 0, 0, 0].tolist() == [10, 30, 40]
    assert (frames.coverage, frames.warnings) == (1.0, ())


def test_damaged_and_lost_frames_lower_the_coverage_and_are_told():
    collected = Collected(Choice((0, 1, 2), 2), (8, 8), PATH)
    collected.add([(0, frame(0)), (2, frame(20))])
    assert collected.missing == (1,)
    frames = collected.frames(INFO, TIMELINE)
    assert frames.times == (0.0, 2.0)
    assert frames.pixels.shape == (2, 8, 8, 3)
    assert frames.coverage == pytest.approx(2 / 5)
    assert frames.warnings == (
        "The file was cut off at 5.00 s of 10.00 s: 2 of 5 frames are lost",
        "1 of 5 frames are damaged and were left out",
    )


def test_a_frame_can_be_taken_back():
    collected = Collected(Choice((0, 1), 0), (8, 8), PATH)
    collected.add([(0, frame(0)), (1, frame(1)), (0, None)])
    assert list(collected.missing) == [0]
    collected.forget()
    assert list(collected.missing) == [0, 1]


def test_nothing_decoded_is_an_error():
    with pytest.raises(VideoDecodeError, match="No wanted frame"):
        Collected(Choice((0,), 0), (8, 8), PATH).frames(INFO, TIMELINE)


def test_more_frames_than_memory_is_an_error_with_advice():
    with pytest.raises(VideoError, match="do not fit into memory") as caught:
        Collected(Choice(tuple(range(4096)), 0), (1 << 20, 1 << 20), PATH)
    assert caught.value.hint == "ask for fewer frames"


def test_a_cut_off_file_is_told_of_even_where_nothing_wanted_is_lost():
    whole = Collected(Choice((0,), 0), (8, 8), PATH)
    whole.add([(0, frame(0))])
    known = replace(TIMELINE, cut_off=True)
    assert whole.frames(INFO, known).warnings == ("The file was cut off at 5.00 s of 10.00 s",)
    unknown = replace(known, promised=5.0)
    assert whole.frames(INFO, unknown).warnings == (
        "The file was cut off at 5.00 s; how long it was is not known",
    )
    assert whole.frames(INFO, unknown).coverage == 1.0


def test_frames_that_no_decoder_can_give_are_not_asked_for():
    collected = Collected(Choice((0, 1, 2), 0), (8, 8), PATH, lost={1, 7})
    assert collected.missing == (0, 2)
    collected.add([(0, frame(0)), (2, frame(2))])
    frames = collected.frames(INFO, TIMELINE)
    assert frames.coverage == pytest.approx(2 / 3)
    assert frames.warnings == ("1 of 3 frames are damaged and were left out",)
