from __future__ import annotations

import pytest

from linvt_cli.backbones.spec import DESCRIBE_QUESTION
from linvt_cli.config import FrameSampling, GenerationConfig, TimelineConfig
from linvt_cli.errors import ConfigError, VideoDecodeError
from linvt_cli.pipeline import VideoQA
from linvt_cli.pipeline.timeline import (
    describe_part,
    describe_video,
    even_parts,
    find_parts,
    part_question,
    whole_question,
)
from linvt_cli.video.spans import Span
from linvt_cli.video.writer import write_video
from tests.video.drawn import room

SAMPLING = FrameSampling(num_frames=4)


@pytest.fixture
def visitor(tmp_path):
    """Five seconds of a wall; a box crosses it from the second second to the third."""
    way = [room(x) for x in range(10, 70, 6)]
    write_video(tmp_path / "visitor.mp4", [room(10)] * 20 + way + [room(70)] * 20, fps=10)
    return tmp_path / "visitor.mp4"


def test_the_whole_and_each_part_are_described(qa, visitor):
    description = describe_video(qa, qa.watch(visitor), TimelineConfig(), SAMPLING)
    (segment,) = description.timeline
    assert description.answer.text == segment.text == "A grey wall."
    assert (segment.start, segment.end) == pytest.approx((2.0, 3.0), abs=0.2)
    assert min(description.scan_seconds, description.timeline_seconds) > 0


def test_a_part_is_seen_with_what_is_still_around_it_and_no_further(qa, visitor):
    generation = GenerationConfig()
    span = Span(2.0, 3.0, earliest=1.6, latest=5.0)
    segment = describe_part(qa, str(visitor), span, TimelineConfig(), SAMPLING, generation)
    assert (segment.start, segment.end) == (2.0, 3.0)
    assert 1.6 <= segment.frame_times[0] < 2.0
    assert 3.0 < segment.frame_times[-1] < 4.0


def test_times_that_were_named_are_of_the_whole_and_not_of_its_parts(qa, visitor):
    named = FrameSampling(num_frames=4, at=(0.5, 4.5))
    description = describe_video(qa, qa.watch(visitor, named), TimelineConfig(), named)
    assert [len(one.frame_times) for one in description.timeline] == [4]


def test_parts_of_one_length_replace_those_that_are_found(qa, visitor):
    description = describe_video(qa, qa.watch(visitor), TimelineConfig(every=2), SAMPLING)
    bounds = [(one.start, one.end) for one in description.timeline]
    assert bounds == [(0.0, 2.0), (2.0, 4.0), (4.0, pytest.approx(5.0, abs=0.2))]
    for one in description.timeline:
        assert all(one.start - 0.11 <= time < one.end for time in one.frame_times)


def test_a_small_rest_belongs_to_the_last_part():
    assert [(one.start, one.end) for one in even_parts(1.0, 5.1, 2.0)] == [(1.0, 3.0), (3.0, 5.1)]
    assert [(one.start, one.end) for one in even_parts(0.0, 0.5, 60.0)] == [(0.0, 0.5)]


def test_too_many_parts_are_refused_with_a_length_that_works():
    with pytest.raises(ConfigError, match="36000 segments are too many") as caught:
        even_parts(0.0, 3600.0, 0.1)
    assert caught.value.hint == "--every 4"
    assert len(even_parts(0.0, 3600.0, 4.0)) == 900


def test_only_the_wanted_stretch_of_the_video_has_parts(qa, visitor):
    sampling = FrameSampling(num_frames=4, start=3.5, end=4.5)
    watched = qa.watch(visitor, sampling)
    (span,) = find_parts(watched, TimelineConfig(), sampling)
    assert (span.start, span.end, span.earliest, span.latest) == (3.5, 4.5, 3.5, 4.5)


def test_a_picture_has_a_description_and_no_timeline(qa, tmp_path):
    from PIL import Image

    Image.fromarray(room(20)).save(tmp_path / "one.png")
    for config in (TimelineConfig(), TimelineConfig(every=1)):
        watched = qa.watch(tmp_path / "one.png")
        assert describe_video(qa, watched, config, SAMPLING).timeline == ()


def test_what_fails_in_one_part_is_kept_there_and_the_others_are_described(
    qa, visitor, monkeypatch
):
    watch = VideoQA.watch

    def fails_in_the_middle(self, video, sampling=None, **options):
        if sampling is not None and sampling.start == 2.0:
            raise VideoDecodeError("damaged", path=video)
        return watch(self, video, sampling, **options)

    watched = qa.watch(visitor)
    monkeypatch.setattr(VideoQA, "watch", fails_in_the_middle)
    seen: list[tuple[int, int]] = []
    description = describe_video(
        qa,
        watched,
        TimelineConfig(every=2),
        SAMPLING,
        on_segment=lambda done, total: seen.append((done, total)),
    )
    assert [one.text for one in description.timeline] == ["A grey wall.", None, "A grey wall."]
    assert isinstance(description.timeline[1].error, VideoDecodeError)
    assert seen == [(0, 3), (1, 3), (2, 3)]


def test_detail_decides_the_words_unless_the_model_knows_one_question_only(qa):
    details = [TimelineConfig(detail) for detail in ("low", "medium", "high")]
    qa.describe_question = DESCRIBE_QUESTION
    assert len({part_question(qa, each) for each in details}) == 3
    assert whole_question(qa, TimelineConfig()) == DESCRIBE_QUESTION
    qa.describe_question = "What happens?"
    assert {part_question(qa, each) for each in details} == {"What happens?"}
    assert {whole_question(qa, each) for each in details} == {"What happens?"}


def test_a_part_gets_no_more_tokens_than_the_user_allows(qa, visitor):
    generation = GenerationConfig(max_new_tokens=3)
    span = Span(2.0, 3.0, 2.0, 3.0)
    config = TimelineConfig("high")
    assert describe_part(qa, str(visitor), span, config, SAMPLING, generation).text == "A g"
