from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from linvt_cli.cli.row_formats import COLUMNS, Csv, JsonLines, RowFormat
from linvt_cli.errors import DatasetError, VideoError
from linvt_cli.pipeline import error_record

FORMATS = [JsonLines(), Csv()]


def row(number: int, **changes: Any) -> dict[str, Any]:
    """Return a row; of a failure, which has all keys and no numbers that need a model."""
    error = VideoError('bad "one",\r\nreally', path="x", hint=None)
    record = error_record(f'a "{number}",\n🙂\udcff.mp4', "Who?\nWhy, then?", error)
    source = {"digest": f"sha256:{number}", "size": number}
    return {**record, "id": number, "source": source, "settings": "s", **changes}


def content(form: RowFormat, *records: dict[str, Any]) -> bytes:
    return form.head + b"".join(map(form.line, records))


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: type(form).__name__)
def test_rows_come_back_with_all_that_they_are_recognized_by(form):
    records = [row(1), row(2, id=None, source=None, error=None), row(3)]
    kept = list(form.rows(content(form, *records), "x"))
    assert [each.content for each in kept] == [form.line(record) for record in records]
    assert [(each.digest, each.size) for each in kept] == [
        ("sha256:1", 1),
        (None, None),
        ("sha256:3", 3),
    ]
    assert [each.id for each in kept] == ["1", None, "3"]
    assert [each.error for each in kept] == ["VideoError", None, "VideoError"]
    assert {each.question for each in kept} == {"Who?\nWhy, then?"}
    assert kept[0].video == 'a "1",\n🙂\\xff.mp4'
    assert {each.settings for each in kept} == {"s"}


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: type(form).__name__)
def test_a_file_cut_off_at_any_byte_gives_its_whole_rows(form):
    records = [row(1), row(2)]
    whole = content(form, *records)
    ends = [len(content(form, *records[:number])) for number in range(3)]
    for size in range(len(whole)):
        kept = list(form.rows(whole[:size], "x"))
        assert len(kept) == sum(end <= size for end in ends[1:]), whole[:size]


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: type(form).__name__)
@pytest.mark.parametrize("text", [b"hello\nworld\n", b'{"video": 3}\n', b"[]\n", b"a,b\r\n1,2\r\n"])
def test_what_linvt_did_not_write_is_refused(form, text):
    with pytest.raises(DatasetError, match="Line 1 of 'x' is no row"):
        list(form.rows(text, "x"))


def test_a_wrong_line_of_a_table_is_refused_with_its_number():
    with pytest.raises(DatasetError, match="Line 2 "):
        list(Csv().rows(Csv().head + b"1,2\r\n", "x"))


def test_a_table_is_read_by_others_with_lists_as_json():
    frames = {"count": 2, "times": [0.5, 1.5], "span": [0.5, 1.5], "duration": 2.0}
    record = row(1, frames=frames, answer="Yes, a cat", error=None)
    text = content(Csv(), record).decode()
    (cells,) = csv.DictReader(io.StringIO(text, newline=""))
    assert tuple(cells) == COLUMNS
    assert (cells["answer"], cells["frames.count"]) == ("Yes, a cat", "2")
    assert json.loads(cells["frames.times"]) == [0.5, 1.5]
    assert (cells["error.type"], cells["tokens.visual"]) == ("", "")
