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


@pytest.mark.parametrize("text", [b'{"video": "a.mp4"}', b"[1, 2]", b"my notes", b"{}"])
def test_a_last_line_without_an_end_is_cut_off_only_where_it_can_be_a_row(text):
    with pytest.raises(DatasetError, match="Line 1 of 'x' is no row"):
        list(JsonLines().rows(text, "x"))
    with pytest.raises(DatasetError, match="Line 2 of 'x' is no row"):
        list(JsonLines().rows(content(JsonLines(), row(1)) + text, "x"))


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: type(form).__name__)
@pytest.mark.parametrize("text", [b"hello\nworld\n", b'{"video": 3}\n', b"[]\n", b"a,b\r\n1,2\r\n"])
def test_what_linvt_did_not_write_is_refused(form, text):
    with pytest.raises(DatasetError, match="Line 1 of 'x' is no row"):
        list(form.rows(text, "x"))


def test_a_wrong_line_of_a_table_is_refused_with_its_number():
    with pytest.raises(DatasetError, match="Line 2 "):
        list(Csv().rows(Csv().head + b"1,2\r\n", "x"))


def plain(number: int, **changes: Any) -> dict[str, Any]:
    """Return a row without a cell that needs quotes."""
    return row(number, video=f"{number}.mp4", question="Who?", error=None, **changes)


DAMAGES = {
    "a quote at the begin of a cell": lambda line: line.replace(b",Who", b',"Who'),
    "a quote within a quoted cell": lambda line: line.replace(b",Who?,", b',"Who"?,'),
    "half a row": lambda line: line[: len(line) // 2] + b"\r\n",
    "another line's end": lambda line: line.replace(b"\r\n", b"\r"),
    "no line's end": lambda line: line.replace(b"\r\n", b""),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("after", [plain(3), row(3)], ids=["plain", "quoted"])
def test_a_bad_row_in_the_midst_of_a_table_is_refused(damage, after):
    lines = [Csv().line(each) for each in (plain(1), plain(2), after)]
    with pytest.raises(DatasetError, match="of 'x' is no row"):
        list(Csv().rows(Csv().head + lines[0] + damage(lines[1]) + lines[2], "x"))


def test_a_torn_cell_may_look_like_the_begin_of_rows():
    torn = Csv().line(row(2, question="Which?\r\n1, 2 or\n3, 4"))
    for size in range(1, len(torn)):
        (kept,) = Csv().rows(content(Csv(), row(1)) + torn[:size], "x")
        assert kept.id == "1"


@pytest.mark.parametrize("record", [plain(2), row(2)], ids=["plain", "quoted"])
def test_a_row_whose_line_end_an_editor_changed_is_read(record):
    line = Csv().line(record).removesuffix(b"\r\n") + b"\n"
    kept = list(Csv().rows(content(Csv(), row(1)) + line + Csv().line(row(3)), "x"))
    assert [each.id for each in kept] == ["1", "2", "3"]
    assert kept[1].content == line


def test_cells_are_as_long_as_they_are_and_the_limit_of_others_stays():
    before = csv.field_size_limit()
    times = {"count": 2, "times": [number / 7 for number in range(20_000)]}
    records = [row(1, question="why " * 50_000), row(2, frames=times), row(3)]
    assert len(list(Csv().rows(content(Csv(), *records), "x"))) == 3
    assert csv.field_size_limit() == before


def test_bytes_that_are_no_utf8_stay_as_they_are():
    line = Csv().line(plain(1, answer="caf\xe9")).replace("\xe9".encode(), b"\xe9")
    (kept,) = Csv().rows(Csv().head + line, "x")
    assert kept.content == line


def test_a_table_is_read_by_others_with_lists_as_json():
    frames = {"count": 2, "times": [0.5, 1.5], "span": [0.5, 1.5], "duration": 2.0}
    record = row(1, frames=frames, answer="Yes, a cat", error=None)
    text = content(Csv(), record).decode()
    (cells,) = csv.DictReader(io.StringIO(text, newline=""))
    assert tuple(cells) == COLUMNS
    assert (cells["answer"], cells["frames.count"]) == ("Yes, a cat", "2")
    assert json.loads(cells["frames.times"]) == [0.5, 1.5]
    assert (cells["error.type"], cells["tokens.visual"]) == ("", "")
