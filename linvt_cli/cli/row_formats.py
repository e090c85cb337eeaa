"""Rows of results as lines of a file, and back: JSON Lines, and CSV with flat columns."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

from linvt_cli.cli.output import json_text, utf8_text
from linvt_cli.errors import DatasetError

COLUMNS = (
    "schema_version", "video", "id", "question", "answer", "finish_reason",
    "model.backbone", "model.tokenizer", "model.checkpoint", "model.quantization", "model.revision",
    "frames.count", "frames.times", "frames.span", "frames.duration", "frames.coverage",
    "frames.warnings", "tokens.visual", "tokens.video", "tokens.prompt", "tokens.generated",
    "tokens.cached", "seconds.decode", "seconds.vision", "seconds.tokenize", "seconds.prefill",
    "seconds.generate", "choices", "structured", "source.digest", "source.size", "settings",
    "error.type", "error.message", "error.hint",
)  # fmt: skip
"""Of CSV; a list or an object is one cell with JSON in it, and what is null is empty."""
_MAX_CELL = 2**31 - 1  # characters; a C long on every system
_LINE_BEGINS = b'{"schema_version": '
_ROW_BEGINS = re.compile(r"(?<=\n)\d+,")  # with the version of the schema


@dataclass(frozen=True, slots=True)
class KeptRow:
    """A row of an earlier run: what it is recognized by, and its bytes as they stand."""

    video: str
    id: str | None
    question: str
    digest: str | None  # of the video's content; None where there was no file to read
    size: int | None  # bytes of the video
    settings: str
    error: str | None  # type of the failure
    content: bytes


class RowFormat(Protocol):
    """How rows are written."""

    head: bytes  # what the file begins with

    def line(self, record: Mapping[str, Any]) -> bytes:
        """Return a row as bytes, its end included."""

    def rows(self, content: bytes, name: str) -> Iterator[KeptRow]:
        """Read rows; the last is left out if it is not whole, because a sudden end has torn it.

        Raises:
            DatasetError: if the content was not written by linvt, or was changed since.
        """


class JsonLines:
    """One JSON object on each line."""

    head = b""

    def line(self, record: Mapping[str, Any]) -> bytes:
        """Return a row as a line."""
        return f"{json_text(record)}\n".encode()

    def rows(self, content: bytes, name: str) -> Iterator[KeptRow]:
        """Read rows; the last counts only with its line's end."""
        *lines, torn = content.split(b"\n")
        for number, line in enumerate(lines, start=1):
            try:
                yield _kept(json.loads(line), line + b"\n")
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise _foreign(name, number) from error
        if not (torn.startswith(_LINE_BEGINS) or _LINE_BEGINS.startswith(torn)):
            raise _foreign(name, len(lines) + 1)  # it would be cut off


class Csv:
    """Flat columns; texts with line breaks are quoted, as spreadsheets and pandas read them."""

    head = (",".join(COLUMNS) + "\r\n").encode()

    def line(self, record: Mapping[str, Any]) -> bytes:
        """Return a row of cells."""
        text = io.StringIO()
        csv.writer(text).writerow([_cell(record, column) for column in COLUMNS])
        return utf8_text(text.getvalue()).encode()

    def rows(self, content: bytes, name: str) -> Iterator[KeptRow]:
        """Read rows; the last counts only if its quotes are closed and its line has an end."""
        if not content.startswith(self.head):
            if self.head.startswith(content):
                return
            raise _foreign(name, 1)
        text = content[len(self.head) :].decode("utf-8", errors="surrogateescape")
        source = _Remembered(text)
        reader = csv.reader(source, strict=True)
        with _cells_of_any_size():
            try:
                for cells in reader:
                    line = source.take()
                    if not line.endswith("\n") and source.is_used_up:
                        return  # torn before its line had an end
                    # An editor may have changed the line's end, but no other sign ends a row.
                    if not line.endswith("\n"):
                        raise _foreign(name, reader.line_num + 1)
                    row = dict(zip(COLUMNS, cells, strict=True))
                    yield _kept(_nested(row), line.encode("utf-8", errors="surrogateescape"))
            except (csv.Error, ValueError) as error:
                rest = source.take()
                if source.was_too_short and not _holds_row(rest):
                    return  # torn inside quotes
                raise _foreign(name, reader.line_num + 1) from error


class _Remembered:
    """Lines of a text, as they were given since the last look."""

    def __init__(self, text: str) -> None:
        self._text = io.StringIO(text, newline="")
        self._left = len(text)
        self._given: list[str] = []
        self.was_too_short = False  # whether more lines were wanted in the midst of a row

    def __iter__(self) -> Iterator[str]:
        for line in self._text:
            self._given.append(line)
            self._left -= len(line)
            yield line
        self.was_too_short = bool(self._given)

    @property
    def is_used_up(self) -> bool:
        """Whether all lines were given."""
        return self._left == 0

    def take(self) -> str:
        """Return what was given."""
        given, self._given = "".join(self._given), []
        return given


@contextmanager
def _cells_of_any_size() -> Iterator[None]:
    """Let cells be as long as they are; the limit is one of the whole process."""
    before = csv.field_size_limit(_MAX_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _holds_row(text: str) -> bool:
    """Whether a text that a quote leaves open holds a whole row: then the quote was not ours."""
    for begin in _ROW_BEGINS.finditer(text):
        lines = io.StringIO(text[begin.start() :], newline="")
        with suppress(csv.Error):
            if len(next(csv.reader(lines, strict=True))) == len(COLUMNS):
                return True
    return False


def _cell(record: Mapping[str, Any], column: str) -> str | int | float | None:
    value: Any = record
    for key in column.split("."):
        value = None if value is None else value.get(key)
    as_json = isinstance(value, list | tuple | dict | bool)
    return json_text(value) if as_json or (column == "structured" and value is not None) else value


def _nested(row: Mapping[str, str]) -> dict[str, Any]:
    """Return of a row of cells what it is recognized by, as JSON has it."""
    return {
        "video": row["video"],
        "id": row["id"] or None,
        "question": row["question"],
        "source": {"digest": row["source.digest"], "size": int(row["source.size"])}
        if row["source.digest"]
        else None,
        "settings": row["settings"],
        "error": {"type": row["error.type"]} if row["error.type"] else None,
    }


def _kept(record: Mapping[str, Any], content: bytes) -> KeptRow:
    source, error, name = record["source"], record["error"], record.get("id")
    return KeptRow(
        record["video"],
        None if name is None else str(name),
        record["question"],
        None if source is None else source["digest"],
        None if source is None else source["size"],
        record["settings"],
        None if error is None else error["type"],
        content,
    )


def _foreign(name: str, number: int) -> DatasetError:
    return DatasetError(
        f"Line {number} of '{name}' is no row that 'linvt ask -o' wrote",
        path=name,
        line=number,
        hint="name another file for the results",
    )
