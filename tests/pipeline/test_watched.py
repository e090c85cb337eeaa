from __future__ import annotations

from dataclasses import replace

import pytest

from linvt_cli.errors import ConfigError, CoverageError
from linvt_cli.pipeline.watched import check_coverage, check_minimum
from linvt_cli.types import VideoPlacement
from linvt_cli.video.reader import read_frames
from linvt_cli.video_tokenizer.averaging import keep_all, mean_frames


def test_sizes_and_seconds_are_those_of_the_parts(qa, video):
    watched = qa.watch(video)
    timed = replace(
        watched,
        frames=replace(watched.frames, seconds=1.0),
        vision_seconds=2.0,
        refined=replace(watched.refined, seconds=4.0),
    )
    assert timed.num_visual_tokens == 4 * 4
    assert timed.seconds == 7.0


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_least_coverage_is_a_share(share):
    with pytest.raises(ConfigError, match=r"in \[0, 1\]") as caught:
        check_minimum(share)
    assert caught.value.field == "min_coverage"


def test_exactly_the_least_coverage_is_enough(qa, video):
    frames = replace(qa.watch(video).frames, coverage=0.5)
    check_coverage(frames, "a.mp4", 0.5)


def test_less_than_the_least_coverage_is_an_error_with_its_numbers_and_the_way_out(qa, video):
    frames = replace(qa.watch(video).frames, coverage=0.4375)
    with pytest.raises(CoverageError, match=r"Only 43% .* from 'a\.mp4'.* 90% are") as caught:
        check_coverage(frames, "a.mp4", 0.9)
    assert (caught.value.path, caught.value.coverage, caught.value.minimum) == (
        "a.mp4",
        0.4375,
        0.9,
    )
    assert caught.value.hint is not None
    accepted = float(caught.value.hint.rpartition(" ")[2])
    check_coverage(frames, "a.mp4", accepted)


def test_video_tokens_stand_at_their_mean_frames_only_where_times_are_positions(qa, video):
    watched = qa.watch(video)
    video_tokens = qa.condense(watched, "What?")
    assert watched.place(video_tokens, "flat") == VideoPlacement()
    placed = watched.place(video_tokens, "time")
    assert placed.moments == mean_frames(video_tokens.weights)
    assert placed.layout == "time"


def test_tokens_that_are_all_kept_lie_on_the_grid_of_their_frames(qa, video):
    frames, features = qa.look(read_frames(video, qa.sampling))
    kept = keep_all(features)
    assert qa.refine("a.mp4", frames, features).place(kept, "flat").grid == features.grid
