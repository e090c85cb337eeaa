"""Descriptions with their timelines as JSON: the record of an answer, and more keys."""

from __future__ import annotations

from linvt_cli.errors import LinVTError
from linvt_cli.pipeline.records import error_entry, error_record, to_record
from linvt_cli.pipeline.timeline import Description, Segment

DESCRIPTION_SCHEMA_VERSION = 1
_DECIMALS = 3


def description_record(description: Description) -> dict[str, object]:
    """Return a description as plain data for JSON."""
    record = _without_shape(to_record(description.answer))
    seconds = record["seconds"]
    spent = seconds if isinstance(seconds, dict) else {}
    return {
        **record,
        "schema_version": DESCRIPTION_SCHEMA_VERSION,
        "seconds": {
            **spent,
            "scan": round(description.scan_seconds, _DECIMALS),
            "timeline": round(description.timeline_seconds, _DECIMALS),
        },
        "timeline": [_segment(segment) for segment in description.timeline],
    }


def failed_description_record(video: str, question: str, error: LinVTError) -> dict[str, object]:
    """Return a failure as plain data: the keys of a description, null where nothing is to say."""
    return {
        **_without_shape(error_record(video, question, error)),
        "schema_version": DESCRIPTION_SCHEMA_VERSION,
        "timeline": None,
    }


def _without_shape(record: dict[str, object]) -> dict[str, object]:
    """Leave out what only answers of a given form have."""
    return {key: value for key, value in record.items() if key not in {"choices", "structured"}}


def _segment(segment: Segment) -> dict[str, object]:
    error = segment.error
    return {
        "start": round(segment.start, _DECIMALS),
        "end": round(segment.end, _DECIMALS),
        "text": segment.text,
        "frame_times": [round(time, _DECIMALS) for time in segment.frame_times],
        "error": None if error is None else error_entry(error),
    }
