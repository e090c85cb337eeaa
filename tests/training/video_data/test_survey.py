from __future__ import annotations

from pathlib import Path
from statistics import median

import pytest

from linvt_cli.training.video_data.samples import BadSample, Exchange, Sample
from linvt_cli.training.video_data.survey import Lengths, Survey


def sample(video: Path, *, start: float | None = None, source: str = "", num: int = 1) -> Sample:
    return Sample(video, (Exchange("Who?", "A dog."),) * num, start, None, source, "set.jsonl:1")


def test_lengths_are_those_of_all_texts():
    lengths = Lengths()
    counts = [1, 1, 2, 3, 5, 8, 13, 21, 34, 100, 55]
    for count in counts:
        lengths.add("x" * count)
    record = lengths.to_record()
    assert record is not None
    assert record["median"] == median(counts)
    assert (record["min"], record["p95"], record["max"]) == (1, 100, 100)
    assert record["mean"] == pytest.approx(sum(counts) / len(counts), abs=0.05)


def test_no_text_has_no_length():
    assert Lengths().to_record() is None


def test_samples_are_counted(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"x")
    survey = Survey(num_shown=5)
    survey.add(sample(tmp_path / "a.mp4", source="mine", num=2))
    survey.add(sample(tmp_path / "a.mp4", start=1.0))
    record = survey.to_record()
    assert survey.is_fine
    assert (record["lines"], record["samples"], record["exchanges"], record["spans"]) == (
        2,
        2,
        3,
        1,
    )
    assert record["videos"] == {"count": 1, "missing": 0, "samples_without": 0, "shown": []}
    assert record["sources"] == {"mine": 1, "": 1}
    assert record["question_characters"]["max"] == len("Who?")
    assert record["answer_characters"]["mean"] == len("A dog.")


def test_a_missing_video_counts_once_and_its_samples_each(tmp_path):
    survey = Survey(num_shown=1)
    for name in ("a.mp4", "a.mp4", "b.mp4"):
        survey.add(sample(tmp_path / name))
    videos = survey.to_record()["videos"]
    assert not survey.is_fine
    assert (videos["missing"], videos["samples_without"]) == (2, 3)
    (shown,) = videos["shown"]
    assert shown["place"] == "set.jsonl:1"
    assert "There is no file" in shown["reason"]


def test_videos_are_not_looked_for_where_nobody_wants_it(tmp_path):
    survey = Survey(num_shown=1, look_for_videos=False)
    survey.add(sample(tmp_path / "none.mp4"))
    videos = survey.to_record()["videos"]
    assert survey.is_fine
    assert (videos["count"], videos["missing"], videos["samples_without"]) == (1, None, None)


def test_bad_lines_are_counted_by_field_and_some_are_shown():
    survey = Survey(num_shown=1)
    for number, field in enumerate(("answer", "answer", "")):
        survey.add(BadSample(f"set.jsonl:{number}", f"'{field}' is empty", field))
    assert survey.to_record()["bad"] == {
        "count": 3,
        "fields": {"answer": 2, "line": 1},
        "shown": [{"place": "set.jsonl:0", "reason": "'answer' is empty"}],
    }
    assert not survey.is_fine


def test_a_file_with_nothing_in_it_is_not_fine():
    survey = Survey(num_shown=1)
    assert not survey.is_fine
    assert survey.to_record()["question_characters"] is None
