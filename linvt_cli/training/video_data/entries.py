"""Files of data sets, read entry by entry: JSON Lines, a list of JSON, a table.

A file may hold millions of entries: none is kept, and one that cannot be read stops no other where
the form of the file allows that.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import ijson

from linvt_cli.errors import DatasetError
from linvt_cli.video.files import shown_name

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MAX_CELL = 10_000_000  # characters; more is a quote that nobody closed


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a file."""

    place: str  # "file.jsonl:17"
    value: object = None
    problem: str | None = None  # why it cannot be read; None where ``value`` is what it holds


def check_readable(path: Path) -> None:
    """Open a file and close it.

    Raises:
        DatasetError: if it cannot be read.
    """
    with _opened(path):
        pass


def read_lines(path: Path) -> Iterator[Entry]:
    """Yield what the lines of a file of JSON Lines hold; empty lines are passed over.

    Raises:
        DatasetError: if the file cannot be read.
    """
    with _opened(path) as file:
        for number, line in enumerate(file, start=1):
            content = line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
            if content.strip():
                yield _parsed(content, f"{path}:{number}")


def read_entries(path: Path) -> Iterator[Entry]:
    """Yield the entries of a list of JSON, or of JSON Lines: the first character tells them apart.

    Raises:
        DatasetError: if the file cannot be read, or is a list that is damaged; the entries
            before that have been yielded.
    """
    with _opened(path) as file:
        if not _begins_list(file):
            yield from read_lines(path)
            return
        try:
            for number, value in enumerate(ijson.items(file, "item", use_float=True), start=1):
                yield Entry(f"{path}, entry {number}", value)
        except ijson.JSONError as error:
            raise DatasetError(
                f"{shown_name(path)} is damaged: {_first_line(error)}",
                path=path,
                hint="fetch it again, as it is published",
            ) from error


def read_table(path: Path, fields: Sequence[str]) -> Iterator[Entry]:
    """Yield the rows of a table with a head, separated by commas, or by tabs in a ``.tsv``.

    Args:
        path: of the file.
        fields: columns that it must have.

    Raises:
        DatasetError: if the file cannot be read, lacks a column, or is no table.
    """
    csv.field_size_limit(_MAX_CELL)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    with _opened(path) as binary:
        # Bytes that are no UTF-8 are found out where a field is taken, and cost one row.
        lines = (line.decode("utf-8", "surrogateescape") for line in _marked(binary))
        rows = csv.DictReader(lines, delimiter=delimiter, strict=True)
        try:
            lacking = [field for field in fields if field not in (rows.fieldnames or ())]
            if lacking:
                raise DatasetError(
                    f"{shown_name(path)} has no column '{lacking[0]}'",
                    path=path,
                    hint="name the file as it is published, with its head",
                )
            for row in rows:
                yield Entry(f"{path}:{rows.line_num}", row)
        except csv.Error as error:
            raise DatasetError(
                f"{shown_name(path)} is no table at line {rows.line_num}: {error}",
                path=path,
                line=rows.line_num,
                hint="fetch it again, as it is published",
            ) from error


def read_table_or_entries(path: Path, fields: Sequence[str]) -> Iterator[Entry]:
    """Yield the rows of a table, or of JSON: the ending of the name tells them apart.

    Raises:
        DatasetError: if the file cannot be read, is damaged, or lacks a column.
    """
    if path.suffix.lower() in {".csv", ".tsv"}:
        return read_table(path, fields)
    return read_entries(path)


def _parsed(content: bytes, place: str) -> Entry:
    try:
        return Entry(place, json.loads(content))
    except UnicodeDecodeError:
        return Entry(place, problem="is no UTF-8")
    except json.JSONDecodeError as error:
        return Entry(place, problem=f"is no JSON: {error.msg} at character {error.pos + 1}")
    except (ValueError, RecursionError) as error:
        return Entry(place, problem=f"is no JSON: {_first_line(error)}")


def _begins_list(file: BinaryIO) -> bool:
    """Tell whether the first character opens a list, and go back to it."""
    start = len(_BYTE_ORDER_MARK) if file.read(3) == _BYTE_ORDER_MARK else 0
    file.seek(start)
    while (character := file.read(1)).isspace():
        start += 1
    file.seek(start)
    return character == b"["


def _marked(file: BinaryIO) -> Iterator[bytes]:
    for number, line in enumerate(file):
        yield line.removeprefix(_BYTE_ORDER_MARK) if number == 0 else line


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DatasetError(
            f"{shown_name(path)} cannot be read: {reason}",
            path=path,
            hint="check the spelling and the permissions",
        ) from error


def _first_line(error: Exception) -> str:
    text = str(error.args[0]) if error.args else str(error)
    return text.splitlines()[0].strip() if text else type(error).__name__
