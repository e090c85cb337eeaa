from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from linvt_cli.training.video_data.conversion import Converted, Converter, VideoMissing
from linvt_cli.training.video_data.formats import FORMATS
from linvt_cli.training.video_data.samples import BadSample, Sample, read_samples

QA = [{"i": "", "q": "Who?", "a": "A dog."}]


def convert(
    tmp_path: Path,
    *entries: Any,
    form: str = "videochat2",
    videos: Path | None = None,
    file: Path | None = None,
    source: str | None = None,
) -> list[Converted | VideoMissing | BadSample]:
    published = tmp_path / "published.json"
    published.write_text(json.dumps(entries))
    file = file or tmp_path / "out.jsonl"
    converter = Converter(FORMATS[form], videos=videos, file=file, source=source)  # type: ignore[index]
    return list(converter.convert(published))


def row(outcome: object) -> dict[str, Any]:
    assert isinstance(outcome, Converted)
    return outcome.row


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    (folder / "part").mkdir(parents=True)
    (folder / "a.mp4").touch()
    (folder / "part" / "b.mp4").touch()
    return folder


def test_one_question_stays_one_and_several_become_a_conversation(tmp_path):
    one, two = convert(
        tmp_path, {"video": "a.mp4", "QA": QA}, {"video": "a.mp4", "start": 1, "QA": QA * 2}
    )
    assert row(one) == {
        "video": "a.mp4", "question": "Who?", "answer": "A dog.", "source": "videochat2"
    }  # fmt: skip
    assert row(two)["start"] == 1.0
    assert [turn["from"] for turn in row(two)["conversations"]] == ["human", "gpt"] * 2


def test_every_line_is_read_back_as_it_was_meant(tmp_path):
    outcomes = convert(tmp_path, {"video": "a.mp4", "start": 1, "end": "0:02.5", "QA": QA * 2})
    file = tmp_path / "out.jsonl"
    file.write_text(json.dumps(row(outcomes[0])))
    (sample,) = read_samples(file)
    assert isinstance(sample, Sample)
    assert (sample.video, sample.start, sample.end) == (tmp_path / "a.mp4", 1.0, 2.5)
    assert [(each.question, each.answer) for each in sample.exchanges] == [("Who?", "A dog.")] * 2


def test_videos_that_are_found_are_named_from_the_folder_of_the_file(tmp_path, videos):
    (found,) = convert(tmp_path, {"video": "a.mp4", "QA": QA}, videos=videos)
    assert row(found)["video"] == "videos/a.mp4"
    elsewhere = tmp_path / "elsewhere" / "out.jsonl"
    (found,) = convert(tmp_path, {"video": "a.mp4", "QA": QA}, videos=videos, file=elsewhere)
    assert row(found)["video"] == str(videos / "a.mp4")


def test_a_folder_named_from_here_is_the_same_folder(tmp_path, videos, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (found,) = convert(
        tmp_path, {"video": "a.mp4", "QA": QA}, videos=Path("videos"), file=Path("out.jsonl")
    )
    assert row(found)["video"] == "videos/a.mp4"


def test_videos_that_are_not_there_are_left_out(tmp_path, videos):
    entries = [{"video": name, "QA": QA} for name in ("none.mp4", "part", "a.mp4")]
    missing, folder, found = convert(tmp_path, *entries, videos=videos)
    published = tmp_path / "published.json"
    assert missing == VideoMissing(f"{published}, entry 1", "none.mp4")
    assert isinstance(folder, VideoMissing)
    assert row(found)["video"] == "videos/a.mp4"


def test_a_name_too_long_for_a_file_is_of_none(tmp_path, videos):
    long = {"video": f"{'a' * 300}.mp4", "QA": QA}
    odd, found = convert(tmp_path, long, {"video": "a.mp4", "QA": QA}, videos=videos)
    assert isinstance(odd, VideoMissing)
    assert row(found)["video"] == "videos/a.mp4"


@pytest.mark.parametrize("name", ["c.mp4", "c", "c.WEBM"])
def test_a_video_is_found_under_another_usual_ending(tmp_path, videos, name):
    (videos / "c.mkv").touch()
    (found,) = convert(tmp_path, {"video": name, "QA": QA}, videos=videos)
    assert row(found)["video"] == "videos/c.mkv"


def test_the_first_candidate_that_is_there_is_taken(tmp_path, videos):
    turns = [{"from": "human", "value": "Who?"}, {"from": "gpt", "value": "A dog."}]
    entry = {"video": "b.mp4", "data_source": "part", "conversations": turns}
    (found,) = convert(tmp_path, entry, form="llava", videos=videos)
    assert row(found)["video"] == "videos/part/b.mp4"
    (named,) = convert(tmp_path, entry, form="llava")
    assert row(named)["video"] == "b.mp4"


def test_a_clip_of_internvid_has_no_times_and_a_part_of_a_whole_video_has(tmp_path, videos):
    entry = {
        "YoutubeID": "a", "Start_timestamp": "0:01", "End_timestamp": "0:02", "Caption": "A dog."
    }  # fmt: skip
    (part,) = convert(tmp_path, entry, form="internvid", videos=videos)
    assert (row(part)["video"], row(part)["start"], row(part)["end"]) == ("videos/a.mp4", 1.0, 2.0)
    (videos / "a_0:01_0:02.mp4").touch()
    (clip,) = convert(tmp_path, entry, form="internvid", videos=videos)
    assert row(clip)["video"] == "videos/a_0:01_0:02.mp4"
    assert "start" not in row(clip)


def test_the_source_is_the_users_word_then_the_entrys_then_the_formats(tmp_path):
    turns = [{"from": "human", "value": "Who?"}, {"from": "gpt", "value": "A dog."}]
    entry = {"video": "a.mp4", "data_source": "part", "conversations": turns}
    (own,) = convert(tmp_path, entry, form="llava")
    (named,) = convert(tmp_path, entry, form="llava", source="mine")
    (nameless,) = convert(tmp_path, {**entry, "data_source": ""}, form="llava")
    assert (row(own)["source"], row(named)["source"]) == ("part", "mine")
    assert "source" not in row(nameless)


def test_an_entry_that_makes_no_sense_stops_no_other(tmp_path):
    bad, listed, good = convert(tmp_path, {"image": "a.jpg"}, [1], {"video": "a.mp4", "QA": QA})
    assert isinstance(bad, BadSample)
    assert (bad.field, bad.reason) == ("video", "'video' is missing: the entry is about a picture")
    assert isinstance(listed, BadSample)
    assert listed.reason.startswith("is a list, not an object")
    assert isinstance(good, Converted)
