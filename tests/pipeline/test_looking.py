from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from linvt_cli.errors import OutOfMemoryError
from linvt_cli.pipeline.looking import ONE_BY_ONE, look_at, look_together
from linvt_cli.types import Frames, VideoInfo, VisualFeatures
from tests.fakes import TinyBackbone

NUM_FRAMES = 5


class Cramped(TinyBackbone):
    """A backbone whose memory suffices for a few frames at once."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def encode_frames(self, frames: Frames) -> VisualFeatures:
        if len(frames.times) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().encode_frames(frames)


@pytest.fixture
def frames() -> Frames:
    pixels = np.random.default_rng(0).integers(0, 256, (NUM_FRAMES, 8, 8, 3), dtype=np.uint8)
    info = VideoInfo(Path("a.mp4"), 8, 8, 0.5, NUM_FRAMES, "h264", "pyav")
    times = tuple(index / 10 for index in range(NUM_FRAMES))
    return Frames(pixels, times, info, coverage=1.0, warnings=("a frame is damaged",))


def test_where_memory_suffices_frames_are_looked_at_together(frames):
    backbone = TinyBackbone()
    same, features = look_at(backbone, frames)
    assert same is frames
    assert backbone.encode_calls == 1
    assert features.tokens.shape[0] == NUM_FRAMES


def test_where_it_runs_out_they_are_looked_at_one_by_one_and_that_is_said(frames):
    warned, features = look_at(Cramped(room=1), frames)
    _, expected = look_at(TinyBackbone(), frames)
    torch.testing.assert_close(features.tokens, expected.tokens)
    assert (features.times, features.grid) == (expected.times, expected.grid)
    assert warned.warnings == ("a frame is damaged", ONE_BY_ONE)
    assert warned.times == frames.times


def test_where_one_frame_does_not_fit_memory_is_what_lacks(frames):
    with pytest.raises(OutOfMemoryError):
        look_at(Cramped(room=0), frames)


def test_another_failure_is_not_taken_for_lack_of_memory(frames, monkeypatch):
    def broken(_: Frames) -> VisualFeatures:
        raise RuntimeError("shapes do not match")

    backbone = TinyBackbone()
    monkeypatch.setattr(backbone, "encode_frames", broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        look_at(backbone, frames)


def test_videos_that_are_looked_at_together_are_seen_as_each_alone(frames):
    other = replace(frames, pixels=255 - frames.pixels[:2], times=(0.0, 7.0), warnings=())
    backbone = TinyBackbone()
    together = look_together(backbone, [frames, other])
    assert backbone.encode_calls == 1
    for (same, features), video in zip(together, (frames, other), strict=True):
        _, expected = look_at(TinyBackbone(), video)
        torch.testing.assert_close(features.tokens, expected.tokens)
        assert (features.times, features.grid) == (expected.times, expected.grid)
        assert (same.times, same.warnings) == (video.times, video.warnings)
    assert together[0][1].seconds * 2 == pytest.approx(together[1][1].seconds * 5)


def test_where_memory_runs_out_together_each_video_says_so(frames):
    together = look_together(Cramped(room=1), [frames, replace(frames, warnings=())])
    assert [seen.warnings for seen, _ in together] == [
        ("a frame is damaged", ONE_BY_ONE),
        (ONE_BY_ONE,),
    ]
