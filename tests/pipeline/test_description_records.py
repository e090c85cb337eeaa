from __future__ import annotations

from linvt_cli.config import FrameSampling, TimelineConfig
from linvt_cli.errors import VideoDecodeError
from linvt_cli.pipeline import to_record
from linvt_cli.pipeline.description_records import description_record, failed_description_record
from linvt_cli.pipeline.timeline import Description, Segment, describe_video
from tests.cli.schema import validate, validate_description


def test_a_description_fits_its_schema_and_has_all_keys_of_an_answer(qa, video):
    sampling = FrameSampling(num_frames=4)
    description = describe_video(qa, qa.watch(video), TimelineConfig(every=1), sampling)
    record = description_record(description)
    validate_description(record)
    answer = to_record(description.answer)
    validate(answer)
    assert {key: value for key, value in record.items() if key in answer and key != "seconds"} == {
        key: value
        for key, value in answer.items()
        if key not in {"seconds", "choices", "structured"}
    }
    timeline = record["timeline"]
    assert isinstance(timeline, list)
    assert [(one["start"], one["end"]) for one in timeline] == [(0, 1), (1, 2), (2, 3)]


def test_a_segment_that_failed_says_why(qa, video):
    error = VideoDecodeError("No wanted frame can be decoded", path="a.mp4", hint="copy it again")
    failed = Description(qa.ask(video, "What?"), (Segment(0.12345, 1.0, None, error=error),))
    record = description_record(failed)
    validate_description(record)
    assert record["timeline"] == [
        {
            "start": 0.123,
            "end": 1.0,
            "text": None,
            "frame_times": [],
            "error": {
                "type": "VideoDecodeError",
                "message": "No wanted frame can be decoded",
                "hint": "copy it again",
            },
        }
    ]


def test_a_failure_fits_the_schema_too():
    error = VideoDecodeError("x", path="a.mp4", hint="copy it again")
    record = failed_description_record("a.mp4", "What?", error)
    validate_description(record)
    assert record["timeline"] is None
