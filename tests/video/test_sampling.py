from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linvt_cli.config import FrameSampling
from linvt_cli.errors import ConfigError, VideoError
from linvt_cli.video.sampling import (
    Timeline,
    choose_frames,
    parse_time,
    parse_times,
    shown_frames,
    wanted_times,
)

TEN_SECONDS = Timeline(tuple(number / 10 for number in range(100)), 10.0, 10.0)


def test_a_number_of_frames_means_the_centres_of_equal_parts():
    assert wanted_times(FrameSampling(num_frames=4), 2.0, 8.0) == (3.0, 5.0, 7.0, 9.0)


def test_a_rate_begins_at_the_start_and_stops_before_the_end():
    assert wanted_times(FrameSampling(fps=2.0), 1.0, 2.0) == (1.0, 1.5, 2.0, 2.5)


def test_a_rate_over_a_very_short_part_gives_one_frame():
    assert wanted_times(FrameSampling(fps=0.1), 3.0, 0.5) == (3.0,)


@given(st.floats(0.1, 60), st.floats(0.1, 3600), st.integers(1, 600))
def test_a_rate_is_thinned_evenly_to_the_most_frames(fps, duration, most):
    times = wanted_times(FrameSampling(fps=fps, max_frames=most), 0.0, duration)
    assert 1 <= len(times) <= most
    steps = {round((b - a) * fps) for a, b in itertools.pairwise(times)}
    assert not steps or max(steps) - min(steps) <= 1
    assert times[0] >= 0.0
    assert times[-1] < duration


def test_explicit_times_are_sorted_and_each_once():
    assert wanted_times(FrameSampling(at=(3.0, 1.0, 3.0)), 0.0, 10.0) == (1.0, 3.0)


@given(
    st.lists(st.integers(0, 10_000), min_size=1, unique=True).map(sorted),
    st.lists(st.floats(0, 20), min_size=1),
)
def test_the_frame_shown_is_the_last_that_has_begun(ticks, wanted):
    times = [tick / 250 for tick in ticks]
    frames = shown_frames(times, wanted)
    assert list(frames) == sorted(set(frames))
    for moment in wanted:
        begun = [number for number, time in enumerate(times) if time <= moment + 1e-3]
        assert (begun[-1] if begun else 0) in frames


def test_frames_in_the_part_that_was_cut_off_are_counted_as_lost():
    cut = Timeline(tuple(number / 10 for number in range(22)), 2.2, 10.0)
    choice = choose_frames(FrameSampling(num_frames=10), cut, Path("cut.mp4"))
    assert choice.frames == (5, 15)
    assert choice.num_lost == 8


def test_one_lost_frame_wanted_twice_counts_once():
    cut = Timeline((0.0, 1.0), 2.0, 10.0)
    choice = choose_frames(FrameSampling(at=(0.0, 5.1, 5.2, 5.9)), cut, Path("cut.mp4"))
    assert (choice.frames, choice.num_lost) == ((0,), 1)


def test_the_rounded_duration_means_the_last_frame():
    timeline = Timeline((0.0, 5.0), 9.96, 9.96)
    assert choose_frames(FrameSampling(at=(10.0,)), timeline, Path("a.mp4")).frames == (1,)


@pytest.mark.parametrize("sampling", [FrameSampling(at=(1.0, 12.0)), FrameSampling(start=12.0)])
def test_a_time_beyond_the_end_names_the_duration(sampling):
    with pytest.raises(VideoError, match=r"'a\.mp4' lasts 10\.00 s and has no frame at 12 s"):
        choose_frames(sampling, TEN_SECONDS, Path("a.mp4"))


def test_wanted_times_outside_of_start_and_end_contradict_them():
    with pytest.raises(ConfigError, match="between the start"):
        choose_frames(FrameSampling(at=(1.0,), start=2.0, end=4.0), TEN_SECONDS, Path("a.mp4"))


def test_an_end_beyond_the_video_is_its_end():
    choice = choose_frames(FrameSampling(num_frames=1, start=8.0, end=99.0), TEN_SECONDS, Path("a"))
    assert choice.frames == (90,)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("83.5", 83.5), ("1:23", 83.0), ("0:01:23.5", 83.5), ("2:00:00", 7200.0), (" 5 ", 5.0),
     (".5", 0.5), ("7.", 7.0), ("90:00", 5400.0)],
)  # fmt: skip
def test_times_are_read_in_seconds_minutes_and_hours(text, seconds):
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "x", "-1", "1:60", "1:2:3:4", "1e3", "nan", "inf", "1_0", "1:-2", ":5", "1,5", "1.5:00"],
)
def test_what_is_no_time_is_refused_with_examples(text):
    with pytest.raises(ConfigError, match="is not a time") as caught:
        parse_time(text)
    assert caught.value.hint is not None
    assert "1:23" in caught.value.hint


def test_several_times_are_separated_by_commas():
    assert parse_times("1,0:02, 3.5") == (1.0, 2.0, 3.5)
    with pytest.raises(ConfigError):
        parse_times("1,,2")
