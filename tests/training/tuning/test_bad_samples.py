from __future__ import annotations

import json
from pathlib import Path

import pytest

from linvt_cli.errors import DatasetError
from linvt_cli.training.tuning.bad_samples import BadSamples, forget_bad
from linvt_cli.training.video_data.samples import BadSample


def test_each_is_told_and_written_once(tmp_path):
    told: list[BadSample] = []
    path = tmp_path / "bad.jsonl"
    bad = BadSamples(path, most=2, on_bad=told.append)
    for place in ("d.jsonl:1", "d.jsonl:7", "d.jsonl:1"):
        bad.add(BadSample(place, "broken"))
    assert [each.place for each in told] == ["d.jsonl:1", "d.jsonl:7"]
    assert len(bad) == 2
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert rows == [
        {"place": "d.jsonl:1", "reason": "broken"},
        {"place": "d.jsonl:7", "reason": "broken"},
    ]


def test_one_too_many_names_file_and_line(tmp_path):
    bad = BadSamples(tmp_path / "bad.jsonl", most=1, on_bad=lambda _: None)
    bad.add(BadSample("d.jsonl:1", "broken"))
    with pytest.raises(DatasetError, match=r"d\.jsonl:9: gone") as caught:
        bad.add(BadSample("d.jsonl:9", "gone"))
    assert (caught.value.path, caught.value.line) == ("d.jsonl", 9)
    assert "--max-bad" in (caught.value.hint or "")


def test_what_an_earlier_process_wrote_is_not_written_again(tmp_path):
    path = tmp_path / "bad.jsonl"
    BadSamples(path, most=9, on_bad=lambda _: None).add(BadSample("d.jsonl:1", "broken"))
    with path.open("a", encoding="utf-8") as file:
        file.write('{"place": "d.js')
    again = BadSamples(path, most=9, on_bad=lambda _: None)
    again.add(BadSample("d.jsonl:1", "broken"))
    assert len(again) == 1
    assert path.read_text(encoding="utf-8").count("broken") == 1
    again.add(BadSample("d.jsonl:2", "one\u2028two"))
    third = BadSamples(path, most=2, on_bad=lambda _: None)
    assert len(third) == 2
    with pytest.raises(DatasetError, match="3 samples are bad"):
        third.add(BadSample("d.jsonl:3", "gone"))


def test_processes_count_together_and_each_tells_its_new_ones_once(tmp_path):
    path = tmp_path / "bad.jsonl"
    bad = BadSamples(path, most=2, on_bad=lambda _: None)
    bad.add(BadSample("d.jsonl:1", "broken"))
    sent: list[list[str]] = []

    def gather(new: list[str]) -> list[str]:
        sent.append(new)
        return [*new, "d.jsonl:1", "d.jsonl:4"]

    bad.exchange(gather)
    bad.exchange(gather)
    assert sent == [["d.jsonl:1"], []]
    assert len(bad) == 2
    with pytest.raises(DatasetError, match=r"2 are allowed$") as caught:
        bad.exchange(lambda _: ["d.jsonl:9"])
    assert caught.value.path == str(path)
    assert "--max-bad" in (caught.value.hint or "")


def test_rows_that_hold_other_ends_of_lines_are_read_back(tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text('{"place": "d.jsonl:1", "reason": "one\u2028two"}\n', encoding="utf-8")
    assert len(BadSamples(path, most=9, on_bad=lambda _: None)) == 1


def test_a_name_that_is_not_unicode_is_written(tmp_path):
    path = tmp_path / "bad.jsonl"
    BadSamples(path, most=9, on_bad=lambda _: None).add(BadSample("\udcff.jsonl:1", "broken"))
    assert len(BadSamples(path, most=9, on_bad=lambda _: None)) == 1


def test_bad_samples_of_other_files_do_not_count(tmp_path):
    path = tmp_path / "bad.jsonl"
    before = BadSamples(path, most=9, on_bad=lambda _: None)
    for place in ("a.jsonl:1", "a.jsonl:2", "b:c.jsonl:3"):
        before.add(BadSample(place, "broken"))
    bad = BadSamples(path, most=2, on_bad=lambda _: None, files=(Path("b:c.jsonl"),))
    assert len(bad) == 1
    bad.add(BadSample("b:c.jsonl:3", "broken"))
    bad.add(BadSample("b:c.jsonl:4", "broken"))
    assert len(path.read_text(encoding="utf-8").splitlines()) == 4
    with pytest.raises(DatasetError, match="3 samples are bad"):
        bad.add(BadSample("b:c.jsonl:5", "broken"))


def test_what_was_bad_in_some_files_is_forgotten(tmp_path):
    path = tmp_path / "bad.jsonl"
    forget_bad(path, [Path("a.jsonl")])
    before = BadSamples(path, most=9, on_bad=lambda _: None)
    for place in ("a.jsonl:1", "a.jsonl:2", "c.jsonl:3"):
        before.add(BadSample(place, "broken"))
    forget_bad(path, [Path("a.jsonl")])
    assert [json.loads(line)["place"] for line in path.read_text().splitlines()] == ["c.jsonl:3"]
    forget_bad(path, [Path("c.jsonl")])
    assert not path.exists()
