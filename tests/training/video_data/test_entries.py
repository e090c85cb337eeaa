from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from linvt_cli.errors import DatasetError
from linvt_cli.training.video_data.entries import (
    Entry,
    check_readable,
    read_entries,
    read_lines,
    read_table,
    read_table_or_entries,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "set.json"


def test_lines_are_read_one_by_one_and_empty_ones_passed_over(file):
    file.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\n   \n[2]\n')
    assert list(read_lines(file)) == [Entry(f"{file}:1", {"a": 1}), Entry(f"{file}:4", [2])]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"a": 1', "is no JSON: Expecting ',' delimiter at character 9"),
        (b"nonsense", "is no JSON: Expecting value at character 1"),
        (b'{"a": "\xff"}', "is no UTF-8"),
        (b"[" * 100_000, "is no JSON: "),
        (b"1" * 5000, "is no JSON: "),
    ],
    ids=["cut off", "no JSON", "no UTF-8", "too deep", "too long a number"],
)
def test_a_line_that_cannot_be_read_stops_no_other(file, line, problem):
    file.write_bytes(b"1\n" + line + b"\n3\n")
    first, bad, last = read_lines(file)
    assert (first.value, last.value) == (1, 3)
    assert bad.problem is not None
    assert bad.problem.startswith(problem)
    assert "\n" not in bad.problem


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf", b"\n  "], ids=["bare", "marked", "spaced"])
def test_a_list_and_lines_are_told_apart(file, mark):
    file.write_bytes(mark + b'[{"a": 1.5}, 2]')
    assert list(read_entries(file)) == [
        Entry(f"{file}, entry 1", {"a": 1.5}),
        Entry(f"{file}, entry 2", 2),
    ]
    file.write_bytes(mark + b'{"a": 1}\n')
    assert [entry.value for entry in read_entries(file)] == [{"a": 1}]


def test_an_empty_list_and_an_empty_file_have_no_entries(file):
    for content in ("[]", "", "\n"):
        file.write_text(content)
        assert list(read_entries(file)) == []


def test_entries_before_the_damage_of_a_list_are_read(file):
    file.write_text('[{"a": 1}, {"b" 2}]')
    entries = read_entries(file)
    assert next(entries).value == {"a": 1}
    with pytest.raises(DatasetError, match="is damaged: parse error") as caught:
        next(entries)
    assert "\n" not in caught.value.message


def test_a_list_is_not_read_as_a_whole(tmp_path):
    """What comes first is there before the file ends: here it never does."""
    import os
    import threading

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def write() -> None:
        with pipe.open("wb") as end:
            end.write(b'{"a": 1}\n' + b" " * 200_000 + b"\n")
            end.flush()
            read.wait(30)

    read = threading.Event()
    writer = threading.Thread(target=write)
    writer.start()
    lines = read_lines(pipe)
    assert next(lines).value == {"a": 1}
    read.set()
    assert list(lines) == []
    writer.join()


def table(path: Path, content: str, *fields: str) -> Iterator[Entry]:
    path.write_text(content, encoding="utf-8")
    return read_table(path, fields)


def test_a_table_has_a_head_and_its_cells_may_hold_commas_and_lines(tmp_path):
    content = '\ufeffid,name\r\n7,"a dog, and\na cat"\r\n8,no\r\n'
    first, second = table(tmp_path / "set.csv", content, "id", "name")
    assert (first.value, second.value) == (
        {"id": "7", "name": "a dog, and\na cat"},
        {"id": "8", "name": "no"},
    )
    assert second.place.endswith("set.csv:4")


def test_a_table_of_tabs_is_told_by_its_name(tmp_path):
    (row,) = table(tmp_path / "set.tsv", "id\tname\n7\ta, b\n", "id", "name")
    assert row.value == {"id": "7", "name": "a, b"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,title\n1,a\n", "has no column 'name'"),
        ("", "has no column 'id'"),
        ('id,name\n1,"never closed\n2,b\n', "is no table at line"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path, content, message):
    with pytest.raises(DatasetError, match=message):
        list(table(tmp_path / "set.csv", content, "id", "name"))


def test_the_ending_tells_a_table_from_json(tmp_path):
    (tmp_path / "a.csv").write_text("id\n1\n")
    (tmp_path / "a.jsonl").write_text(json.dumps({"id": "1"}))
    for name in ("a.csv", "a.jsonl"):
        (entry,) = read_table_or_entries(tmp_path / name, ("id",))
        assert entry.value == {"id": "1"}


def test_a_file_that_cannot_be_read_is_told_at_once(tmp_path):
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(DatasetError, match="cannot be read: ") as caught:
            check_readable(path)
        assert caught.value.hint
