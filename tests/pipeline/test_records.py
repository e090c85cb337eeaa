from __future__ import annotations

import json
from dataclasses import replace

import pytest

from linvt_cli.errors import CoverageError
from linvt_cli.pipeline import error_record, to_record
from linvt_cli.types import Answer

KEYS = [
    "schema_version",
    "video",
    "question",
    "answer",
    "finish_reason",
    "choices",
    "structured",
    "model",
    "frames",
    "tokens",
    "seconds",
    "error",
]
PARTS = {
    "model": ["backbone", "tokenizer", "checkpoint", "quantization", "revision"],
    "frames": ["count", "times", "span", "duration", "coverage", "warnings"],
    "tokens": ["visual", "video", "prompt", "generated", "cached"],
    "seconds": ["decode", "vision", "tokenize", "prefill", "generate"],
}


@pytest.fixture
def answer(qa, video) -> Answer:
    whole: Answer = qa.ask(video, "What is there?")
    frames = replace(
        whole.frames, times=(0.0, 1 / 3, 2 / 3, 2.9), coverage=0.98765, warnings=("odd",)
    )
    return replace(whole, frames=frames, vision_seconds=0.0123456)


def test_a_record_has_the_documented_keys_in_their_order(answer):
    record = json.loads(json.dumps(to_record(answer)))
    assert list(record) == KEYS
    assert {name: list(record[name]) for name in PARTS} == PARTS


def test_a_record_says_what_the_answer_says(answer):
    record = json.loads(json.dumps(to_record(answer)))
    assert record["schema_version"] == 1
    assert (record["video"], record["question"]) == (answer.video, "What is there?")
    assert (record["answer"], record["finish_reason"]) == ("A grey wall.", "stop")
    assert record["model"] == {
        "backbone": "tiny",
        "tokenizer": "mean",
        "checkpoint": None,
        "quantization": "none",
        "revision": None,
    }
    assert record["tokens"] == {
        "visual": 16,
        "video": 8,
        "prompt": 25,
        "generated": 12,
        "cached": False,
    }
    assert record["error"] is None


def test_times_and_seconds_are_rounded_to_thousandths(answer):
    record = json.loads(json.dumps(to_record(answer)))
    assert record["frames"]["times"] == [0.0, 0.333, 0.667, 2.9]
    assert record["frames"]["span"] == [0.0, 2.9]
    assert record["frames"]["count"] == 4
    assert record["frames"]["coverage"] == 0.988
    assert record["frames"]["duration"] == round(answer.frames.video.duration, 3)
    assert record["frames"]["warnings"] == ["odd"]
    assert record["seconds"]["vision"] == 0.012
    assert all(value == round(value, 3) for value in record["seconds"].values())


def test_a_failure_has_the_same_keys_and_nothing_but_the_error():
    error = CoverageError("too little", path="a.mp4", coverage=0.1, minimum=0.5, hint="look again")
    record = json.loads(json.dumps(error_record("a.mp4", "why?", error)))
    assert list(record) == KEYS
    assert record["error"] == {
        "type": "CoverageError",
        "message": "too little",
        "hint": "look again",
    }
    assert (record["schema_version"], record["video"], record["question"]) == (1, "a.mp4", "why?")
    assert all(record[key] is None for key in KEYS[3:-1])
