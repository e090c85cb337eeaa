from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import av
import cv2
import numpy as np
import pytest

from linvt_cli.config import FrameSampling
from linvt_cli.training.demo import write_clip
from linvt_cli.training.world import make_clip
from linvt_cli.video.spans import Span, evenly, find_spans, spans_of
from linvt_cli.video.writer import write_video
from tests.video.drawn import drawn_frames, noise, room


def picture(seed: int) -> np.ndarray:
    return np.kron(noise(seed, (6, 8)), np.ones((12, 12, 1), np.uint8))


def test_one_still_scene_is_one_span():
    assert spans_of(drawn_frames([room(10)] * 30), 0.0, 3.0) == [Span(0.0, 3.0, 0.0, 3.0)]


def test_one_scene_that_never_stands_still_is_one_span():
    frames = drawn_frames([room(x, seed=x) for x in range(2, 72, 2)])
    assert spans_of(frames, 0.0, 3.5) == [Span(0.0, 3.5, 0.0, 3.5)]


def test_shots_are_spans_that_touch():
    frames = drawn_frames([picture(n // 10) for n in range(40)])
    spans = spans_of(frames, 0.0, 4.0)
    assert [(one.start, one.end) for one in spans] == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert all((one.earliest, one.latest) == (one.start, one.end) for one in spans)


def test_events_in_front_of_a_still_camera_are_spans_with_stillness_around_them():
    way = [room(x, seed=x) for x in range(12, 72, 2)]
    frames = drawn_frames([room(10)] * 20 + way + [room(72)] * 20 + [room(None)] * 20)
    one, two = spans_of(frames, 0.0, 9.0)
    assert (one.start, one.end, two.start, two.end) == pytest.approx((1.9, 5.0, 6.9, 7.0))
    assert (one.earliest, one.latest, two.earliest, two.latest) == (0.0, two.start, one.end, 9.0)


@pytest.mark.parametrize("seed", [1, 10])
def test_the_events_of_a_drawn_clip_are_found_with_their_times(seed, tmp_path):
    clip = make_clip(seed, "validation")
    write_clip(tmp_path / "clip.mp4", clip)
    spans = find_spans(tmp_path / "clip.mp4", FrameSampling(), 24)
    found = [(span.start, span.end) for span in spans]
    events = [(e.start * clip.duration, e.end * clip.duration) for e in clip.events]
    assert len(found) == len(events)
    assert np.abs(np.array(found) - np.array(events)).max() <= 0.75


@pytest.mark.parametrize("seed", range(8))
def test_spans_of_flashes_never_overlap_and_have_something_to_look_at(seed):
    chance = np.random.default_rng(seed)
    pictures = [room(None, seed=number) for number in range(300)]
    for first in chance.integers(30, 260, 4):
        length, pause = chance.integers(1, 6, 2)
        for begin in (first, first + length + pause):
            pictures[begin : begin + length] = [room(40, seed=seed) for _ in range(length)]
    frames = drawn_frames(pictures)
    spans = spans_of(frames, 0.0, frames.times[-1] + 0.1)
    assert all(each.earliest <= each.start < each.end <= each.latest for each in spans)
    assert all(one.end <= other.start for one, other in pairwise(spans))


def test_spans_are_in_order_apart_long_enough_and_no_more_than_wanted(tmp_path):
    write_video(tmp_path / "cuts.mp4", (picture(n // 8) for n in range(160)), fps=10)
    for most in (1, 3, 24):
        spans = find_spans(tmp_path / "cuts.mp4", FrameSampling(), most)
        assert len(spans) == min(most, 20)
        assert (spans[0].start, spans[-1].end) == pytest.approx((0.0, 16.0))
        assert all(one.end <= two.start for one, two in pairwise(spans))
        assert all(one.end - one.start >= 0.5 for one in spans)


def test_only_the_wanted_part_is_searched(tmp_path):
    write_video(tmp_path / "cuts.mp4", (picture(n // 10) for n in range(40)), fps=10)
    spans = find_spans(tmp_path / "cuts.mp4", FrameSampling(start=1.5, end=2.5), 24)
    assert [(one.start, one.end) for one in spans] == [(1.5, 2.0), (2.0, 2.5)]


def test_pauses_without_frames_part_events_as_pauses_with_frames_do(tmp_path):
    places = [4] * 20 + list(range(4, 34, 2)) + [32] * 50 + list(range(32, 62, 2)) + [60] * 20
    every = range(len(places))
    changes = [n for n in every if n in {0, every[-1]} or places[n] != places[n - 1]]
    found = []
    for name, numbers in (("even.mkv", every), ("uneven.mkv", changes)):
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream("ffv1", rate=10)
            stream.width, stream.height, stream.pix_fmt = 96, 72, "bgr0"
            for number in numbers:
                frame = av.VideoFrame.from_ndarray(room(places[number]), format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 10)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        spans = find_spans(tmp_path / name, FrameSampling(), 24)
        found.append([(span.start, span.end) for span in spans])
    assert np.array(found[0]) == pytest.approx(np.array([(2.0, 3.4), (8.5, 9.9)]), abs=0.11)
    assert np.array(found[1]) == pytest.approx(np.array(found[0]), abs=1 / 24)


def test_slow_motion_at_a_low_rate_is_one_span(tmp_path):
    pictures = [room(4 + 60 * n // 80, seed=n) for n in range(80)]
    write_video(tmp_path / "slow.mp4", pictures, fps=20)
    assert len(find_spans(tmp_path / "slow.mp4", FrameSampling(), 24)) == 1


def test_a_frame_is_repeated_until_the_next_and_keeps_its_own_time_where_it_comes_first():
    frames = evenly(drawn_frames([room(1), room(2)], times=(0.0, 0.45)), (0.0, 0.2, 0.4, 0.6, 0.8))
    assert frames.times == (0.0, 0.2, 0.4, 0.45, 0.8)
    assert [bool((pixels == room(1)).all()) for pixels in frames.pixels] == [True] * 3 + [False] * 2


def test_moments_before_the_first_frame_are_left_out():
    frames = evenly(drawn_frames([room(1), room(2)], times=(1.0, 1.2)), (0.0, 0.5, 1.0, 1.5))
    assert frames.times == (1.0, 1.2)


def test_a_picture_has_no_spans(tmp_path):
    cv2.imwrite(str(tmp_path / "one.png"), picture(0))
    assert find_spans(tmp_path / "one.png", FrameSampling(), 24) == ()


def test_a_video_of_a_fraction_of_a_second_is_one_span(tmp_path):
    write_video(tmp_path / "short.mp4", [picture(0)] * 3, fps=10)
    (span,) = find_spans(tmp_path / "short.mp4", FrameSampling(), 24)
    assert (span.start, span.end) == pytest.approx((0.0, 0.3))
