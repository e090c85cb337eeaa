from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from linvt_cli.cli.short_videos import Arrival, SharedLook, in_groups
from linvt_cli.config import FRAMES_PER_BATCH
from linvt_cli.errors import VideoError
from linvt_cli.types import Frames, VideoInfo

FAILED = VideoError("broken", path="a.mp4")


def frames(num_frames: int, height: int = 8) -> Frames:
    pixels = np.zeros((num_frames, height, 8, 3), np.uint8)
    info = VideoInfo(Path("a.mp4"), 8, height, 0.5, num_frames, "h264", "pyav")
    return Frames(pixels, tuple(map(float, range(num_frames))), info, coverage=1.0)


def grouped(*videos: Frames | VideoError | None) -> list[list[int]]:
    arrivals = [Arrival(number, each, None) for number, each in enumerate(videos)]
    return [[each.number for each in group] for group in in_groups(arrivals)]


@pytest.mark.parametrize(
    ("lengths", "groups"),
    [
        ([], []),
        ([1], [[0]]),
        ([1] * 10, [[0, 1, 2, 3, 4, 5, 6, 7], [8, 9]]),
        ([3, 3, 3], [[0, 1], [2]]),
        ([4, 4, 4], [[0, 1], [2]]),
        ([5, 5], [[0], [1]]),
        ([16, 1, 1, 16, 1], [[0], [1, 2], [3], [4]]),
    ],
)
def test_short_videos_fill_a_batch_and_others_are_alone(lengths, groups):
    assert grouped(*map(frames, lengths)) == groups


def test_frames_of_one_size_are_together():
    assert grouped(frames(1), frames(1, 16), frames(1, 16)) == [[0], [1, 2]]


@pytest.mark.parametrize("other", [FAILED, None])
def test_what_has_no_frames_is_alone_and_in_its_place(other):
    assert grouped(frames(1), other, frames(1), other) == [[0], [1], [2], [3]]


def test_a_long_video_is_given_before_the_next_is_asked_for():
    asked = []

    def arrivals() -> Any:
        for number in range(2):
            asked.append(number)
            yield Arrival(number, frames(FRAMES_PER_BATCH), None)

    next(in_groups(arrivals()))
    assert asked == [0]


class Model:
    """Notes how many videos it is shown at a time."""

    def __init__(self) -> None:
        self.looks: list[int] = []

    def look(self, video: Frames) -> str:
        self.looks.append(1)
        return "alone"

    def look_together(self, videos: list[Frames]) -> list[str]:
        self.looks.append(len(videos))
        return [f"{place}" for place in range(len(videos))]


def test_a_group_is_looked_at_once_and_an_only_video_as_ever():
    model: Any = Model()
    group = [Arrival(number, frames(1), None) for number in range(3)]
    shared: Any = SharedLook(group)
    assert [shared.result(model, place) for place in (0, 1, 2, 2)] == ["0", "1", "2", "2"]
    only: Any = SharedLook(group[:1])
    assert only.result(model, 0) == "alone"
    assert model.looks == [3, 1]


def test_a_look_that_failed_is_tried_again():
    model: Any = Model()
    group = [Arrival(number, frames(1), None) for number in range(2)]
    shared: Any = SharedLook(group)
    usual, model.look_together = model.look_together, lambda _: 1 / 0
    with pytest.raises(ZeroDivisionError):
        shared.result(model, 1)
    model.look_together = usual
    assert shared.result(model, 1) == "1"
