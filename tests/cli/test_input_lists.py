from __future__ import annotations

import io
import json
import os
import sys
from types import SimpleNamespace

import pytest

from linvt_cli.cli.input_lists import ListRow, read_list
from linvt_cli.errors import ConfigError, DatasetError


@pytest.fixture
def write(tmp_path):
    def write(content: bytes) -> str:
        path = tmp_path / "list"
        path.write_bytes(content)
        return str(path)

    return write


def test_each_line_is_a_path_as_it_stands(write):
    source = write("a.mp4\n\n b 'c\".mp4 \r\n-x.mp4\n🙂.mp4".encode())
    assert [row.video for row in read_list(source)] == ["a.mp4", " b 'c\".mp4 ", "-x.mp4", "🙂.mp4"]


def test_a_mark_of_byte_order_is_no_part_of_the_first_path(write):
    assert list(read_list(write(b"\xef\xbb\xbfa.mp4\n"))) == [ListRow("a.mp4")]


def test_paths_with_nul_between_them_may_hold_anything(write):
    source = write(b'two\nlines.mp4\0{"a.mp4\0clip\xff.mp4\0')
    rows = list(read_list(source, separated_by_nul=True))
    assert [row.video for row in rows] == [
        "two\nlines.mp4",
        '{"a.mp4',
        os.fsdecode(b"clip\xff.mp4"),
    ]


def test_rows_of_json_say_more(write):
    row = {"video": "a.mp4", "question": "Who?", "id": 7, "start": 1.5, "end": "1:02", "x": []}
    source = write(f"{json.dumps(row)}\nb.mp4\n".encode())
    assert list(read_list(source)) == [
        ListRow("a.mp4", "Who?", 7, "1.5", "1:02"),
        ListRow("b.mp4"),
    ]


def test_what_is_no_unicode_is_escaped_where_no_file_is_named(write):
    line = rb'{"video": "\ud800.mp4", "question": "What \ud800 is \ud83d\ude42?", "id": "\udc80"}'
    expected = ListRow("\ud800.mp4", r"What \ud800 is 🙂?", r"\x80")
    assert list(read_list(write(line + b"\n"))) == [expected]


def test_an_empty_id_is_none(write):
    assert list(read_list(write(b'{"video": "a.mp4", "id": ""}\n'))) == [ListRow("a.mp4")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"video": ' * 100_000, "is no JSON"),
        ('{"video": ', "is no JSON"),
        ('{"question": "Who?"}', "names no 'video'"),
        ('{"video": 3}', "'video' that is no text"),
        ('{"video": "a.mp4", "question": " "}', "'question' that is no text"),
        ('{"video": "a.mp4", "id": 1.5}', "'id' that is neither"),
        ('{"video": "a.mp4", "id": true}', "'id' that is neither"),
        ('{"video": "a.mp4", "start": "soon"}', "'start' that is no time"),
        ('{"video": "a.mp4", "end": true}', "'end' that is no time"),
        ('{"video": "a.mp4", "end": -1}', "'end' that is no time"),
    ],
)
def test_a_wrong_row_is_an_error_that_names_its_line(write, line, message):
    source = write(f"a.mp4\n{line}\n".encode())
    with pytest.raises(DatasetError, match=f"^Line 2 of the list .* {message}") as caught:
        list(read_list(source))
    assert caught.value.line == 2


def test_a_list_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(DatasetError, match="cannot be read: No such file"):
        list(read_list(str(tmp_path / "none")))


def test_a_list_may_come_from_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a.mp4\n")))
    assert list(read_list("-")) == [ListRow("a.mp4")]


def test_a_terminal_gives_no_list(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    with pytest.raises(ConfigError, match="is a terminal"):
        list(read_list("-"))


def test_nuls_in_a_list_of_lines_are_told_with_the_option(write):
    for content in (b"a.mp4\0b.mp4\0", b"\0\0\0\x18ftypmp42\nmoov"):
        with pytest.raises(DatasetError, match="has NULs in it") as caught:
            list(read_list(write(content)))
        assert str(caught.value.hint).startswith("-0 reads names")
