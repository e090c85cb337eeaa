from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from linvt_cli.errors import DatasetError
from linvt_cli.training.video_data.samples import (
    BadSample,
    Exchange,
    Sample,
    missing_video,
    read_samples,
)

GOOD = {"video": "a.mp4", "question": "Who?", "answer": "A dog."}


def read(tmp_path: Path, *rows: Any, root: Path | None = None) -> list[Sample | BadSample]:
    file = tmp_path / "set.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return list(read_samples(file, root=root))


def test_a_question_with_its_answer_is_a_sample(tmp_path):
    (sample,) = read(tmp_path, {**GOOD, "kind": "passed over"})
    assert sample == Sample(
        video=tmp_path / "a.mp4",
        exchanges=(Exchange("Who?", "A dog."),),
        start=None,
        end=None,
        source="",
        place=f"{tmp_path / 'set.jsonl'}:1",
    )


def test_a_conversation_about_a_part_is_one_too(tmp_path):
    turns = [
        {"from": "human", "value": "<video>\nWho?"},
        {"from": "gpt", "value": "A dog."},
        {"from": "human", "value": "Where?"},
        {"from": "gpt", "value": "At home."},
    ]
    row = {"video": "a.mp4", "conversations": turns, "start": 1, "end": "0:02", "source": "mine"}
    (sample,) = read(tmp_path, row)
    assert isinstance(sample, Sample)
    assert sample.exchanges == (Exchange("Who?", "A dog."), Exchange("Where?", "At home."))
    assert (sample.start, sample.end, sample.source) == (1.0, 2.0, "mine")


def test_names_begin_at_the_root_and_whole_paths_stay(tmp_path):
    root = tmp_path / "videos"
    below, whole = read(tmp_path, GOOD, {**GOOD, "video": "/data/b.mp4"}, root=root)
    assert isinstance(below, Sample)
    assert isinstance(whole, Sample)
    assert (below.video, whole.video) == (root / "a.mp4", Path("/data/b.mp4"))


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"video": None}, "video", "'video' is missing"),
        ({"video": 7}, "video", "'video' is a number, not a text: 7"),
        ({"video": "https://host/a.mp4"}, "video", "'video' is an address, not a file"),
        ({"question": None}, "question", "'question' is missing"),
        ({"question": " "}, "question", "'question' is empty"),
        ({"answer": ""}, "answer", "'answer' is empty"),
        ({"answer": None}, "answer", "'answer' is missing"),
        ({"start": 5, "end": 4}, "end", "'end' must come after 'start'"),
        ({"source": 3}, "source", "'source' is a number, not a text: 3"),
        ({"conversations": []}, "question", "'question' stands beside 'conversations'"),
        (
            {"question": None, "answer": None, "conversations": []},
            "conversations",
            "'conversations' is empty",
        ),
    ],
)
def test_a_bad_line_says_which_field_is_wrong(tmp_path, change, field, reason):
    before, bad, after = read(tmp_path, GOOD, {**GOOD, **change}, GOOD)
    assert isinstance(before, Sample)
    assert isinstance(after, Sample)
    assert isinstance(bad, BadSample)
    assert bad.place.endswith("set.jsonl:2")
    assert bad.field == field
    assert bad.reason.startswith(reason)


def test_a_line_that_is_no_object_is_bad(tmp_path):
    (tmp_path / "set.jsonl").write_text('[1]\n{"video"\n')
    reasons = [
        bad.reason for bad in read_samples(tmp_path / "set.jsonl") if isinstance(bad, BadSample)
    ]
    assert reasons == [
        "is a list, not an object: [1]",
        "is no JSON: Expecting ':' delimiter at character 10",
    ]


def test_a_file_that_is_not_there_is_told_before_the_first_sample(tmp_path):
    with pytest.raises(DatasetError, match="cannot be read: No such file") as caught:
        read_samples(tmp_path / "none.jsonl")
    assert caught.value.hint


def test_missing_videos_are_found_apart(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"x")
    (tmp_path / "empty.mp4").touch()
    names = ["a.mp4", "b.mp4", ".", "empty.mp4"]
    samples = read(tmp_path, *({**GOOD, "video": name} for name in names))
    found = [missing_video(sample) for sample in samples if isinstance(sample, Sample)]
    assert found[0] is None
    reasons = [bad.reason for bad in found[1:] if bad]
    assert len(reasons) == 3
    for reason, expected in zip(
        reasons, ("There is no file", "is a folder", "is empty"), strict=True
    ):
        assert reason.startswith("'video': ")
        assert expected in reason
