from __future__ import annotations

from dataclasses import replace

import pytest

from linvt_cli.video.plan import (
    OPENCV_RUN_UP,
    opencv_obstacle,
    opencv_planner,
    plan_opencv,
    plan_pyav,
    prefers_opencv,
    pyav_planner,
    suspicious,
)
from linvt_cli.video.probe import read_index


@pytest.mark.parametrize("name", ["h264, near key frames", "hevc", "vp9", "h264, open GOP"])
@pytest.mark.parametrize("frames", [[0], [119], [3, 60, 61, 118], list(range(120))])
def test_plans_reach_every_wanted_frame_once_from_a_place_before_it(name, frames, clip_file):
    index = read_index(clip_file(name))
    for plan in (plan_pyav(index, frames), plan_opencv(index, frames)):
        assert sorted(frame for run in plan.runs for frame in run.targets) == frames
    for run in plan_pyav(index, frames).runs:
        assert all(index.restarts[index.shown[frame]] >= run.start for frame in run.targets)
    assert all(run.start <= run.targets[0] for run in plan_opencv(index, frames).runs)


def test_a_far_frame_is_reached_by_a_seek_to_its_key_frame(clip_file):
    index = read_index(clip_file("h264, near key frames"))
    (run,) = plan_pyav(index, [119]).runs
    assert run.start == index.restarts[index.shown[119]] > 60


def test_neighbours_are_walked_to_without_a_seek(clip_file):
    index = read_index(clip_file("h264, near key frames"))
    assert len(plan_pyav(index, [40, 41, 42, 43]).runs) == 1


def test_all_frames_are_a_plain_walk(clip_file):
    index = read_index(clip_file("h264, near key frames"))
    assert [run.start for run in plan_pyav(index, range(120)).runs] == [0]
    assert plan_opencv(index, range(120)).cost == 120


def test_frames_that_nobody_refers_to_cost_next_to_nothing(clip_file):
    index = read_index(clip_file("h264, far key frames"))
    assert 0.3 * 119 < plan_pyav(index, [118]).cost < 0.7 * 119


def test_opencv_seeks_no_farther_than_its_run_up_behind_a_key_frame(clip_file):
    index = read_index(clip_file("vp9"))
    (run,) = plan_opencv(index, [118]).runs
    key = index.frame_of(index.restarts[index.shown[run.start]])
    assert 0 < run.start - key <= OPENCV_RUN_UP + 1


def test_a_raw_stream_is_walked_from_the_beginning(clip_file):
    index = read_index(clip_file("h264, raw"))
    assert [run.start for run in plan_pyav(index, [100]).runs] == [0]


@pytest.mark.parametrize(
    ("name", "preferred"),
    [("vp9", True), ("av1", True), ("h264, far key frames", False), ("h264, interlaced", False),
     ("h264 in MPEG-TS", False), ("h264, raw", False), ("h264, no B-frames", False)],
)  # fmt: skip
def test_opencv_decodes_where_it_is_as_exact_and_as_cheap(name, preferred, clip_file):
    assert prefers_opencv(read_index(clip_file(name)), range(0, 120, 8)) is preferred


def test_opencv_obstacles_are_named(clip_file):
    assert opencv_obstacle(read_index(clip_file("h264, no B-frames"))) is None
    interlaced = opencv_obstacle(read_index(clip_file("h264, interlaced")))
    assert interlaced == "it garbles interlaced video"
    assert opencv_obstacle(read_index(clip_file("h264, raw"))) is not None


def test_a_name_that_is_not_utf8_is_an_obstacle(clip_file):
    index = read_index(clip_file("vp9"))
    index = replace(index, path=index.path.with_name("caf\udce9.webm"))
    assert opencv_obstacle(index) == "its name is not UTF-8"
    assert not prefers_opencv(index, [0])


def test_the_last_frame_is_suspicious_where_packets_have_no_length(clip_file):
    assert suspicious(read_index(clip_file("vp9")), range(120)) == ()
    stream = read_index(clip_file("h264 in MPEG-TS"))
    assert [stream.shown[frame] for frame in suspicious(stream, range(120))] == [119]
    assert suspicious(read_index(clip_file("h264, raw")), [5, 110]) == (110,)


def test_a_file_with_missing_frames_is_walked_from_the_beginning_by_pyav(clip_file):
    index = replace(read_index(clip_file("mjpeg")), lost=frozenset({3}))
    assert [run.start for run in plan_pyav(index, [100]).runs] == [0]
    assert opencv_obstacle(index) == "it does not notice that frames are missing"


def test_a_part_of_the_way_is_planned_as_if_it_were_all(clip_file):
    index = read_index(clip_file("h264, near key frames"))
    frames = list(range(0, 120, 7))
    for planner, plan in ((pyav_planner, plan_pyav), (opencv_planner, plan_opencv)):
        way = planner(index, frames)
        assert way(frames) == plan(index, frames)
        assert way(frames[5:9]).runs == plan(index, frames[5:9]).runs
