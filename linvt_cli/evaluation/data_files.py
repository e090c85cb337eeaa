"""Files of benchmarks: JSON, CSV and Parquet, with errors that name file and column."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from linvt_cli.errors import DatasetError, MachineError, how_to_install
from linvt_cli.evaluation.rows import Row

_MAX_FIELD = 131_072  # characters of a CSV field; more is a quote that nobody closed
_PART = re.compile(r"-\d+-of-(\d+)\.parquet")


def find_file(folder: Path, *names: str) -> Path:
    """Return the first of some files that a folder has.

    Raises:
        DatasetError: if it has none.
    """
    return find_parts(folder, *names)[0]


def find_parts(folder: Path, *names: str) -> tuple[Path, ...]:
    """Return all files of the first pattern that fits any: the parts of one table, in their order.

    Raises:
        DatasetError: if none fits, parts such as ``test-00000-of-00002.parquet`` are missing, or
            the folder may not be read.
    """
    try:
        if not folder.is_dir():
            raise DatasetError(
                f"There is no folder '{folder}'",
                path=folder,
                hint="name the benchmark's with --data",
            )
        for name in names:
            found = tuple(path for path in sorted(folder.glob(name)) if path.is_file())
            if found:
                _require_all_parts(found)
                return found
    except OSError as error:
        raise DatasetError(
            f"'{folder}' cannot be read: {error.strerror}",
            path=folder,
            hint="see who may read it, and enter it",
        ) from error
    listed = " or ".join(f"'{name}'" for name in names)
    raise DatasetError(
        f"'{folder}' has no file {listed}",
        path=folder,
        hint="docs: guides/evaluate lists the files",
    )


def _require_all_parts(found: Sequence[Path]) -> None:
    numbered = _PART.search(found[0].name)
    if numbered is not None and len(found) != int(numbered[1]):
        raise DatasetError(
            f"'{found[0].parent}' has {len(found)} of the {int(numbered[1])} parts of a table",
            path=found[0].parent,
            hint="fetch the others too",
        )


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        DatasetError: if it cannot be read or is no JSON.
    """
    try:
        return json.loads(_content(path))
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, f"is no JSON: {error}") from error


def json_rows(path: Path) -> Iterator[Row]:
    """Yield the entries of a JSON list of objects.

    Raises:
        DatasetError: if it is something else.
    """
    entries = read_json(path)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise _unreadable(path, "is no JSON list of objects")
    for number, entry in enumerate(entries, start=1):
        yield Row(entry, path, number)


def json_table(path: Path) -> dict[str, Any]:
    """Return a JSON object.

    Raises:
        DatasetError: if it is something else.
    """
    table = read_json(path)
    if not isinstance(table, dict):
        raise _unreadable(path, "is no JSON object")
    return table


def csv_rows(path: Path, fields: Sequence[str], *, tabs: bool = False) -> Iterator[Row]:
    """Yield the rows of a CSV file with a head.

    Args:
        path: of the file.
        fields: columns that it must have.
        tabs: whether tabs separate them, and quotation marks mean nothing.

    Raises:
        DatasetError: if it lacks one, or cannot be read.
    """
    csv.field_size_limit(_MAX_FIELD)  # of the whole process: others may have set it
    content = io.StringIO(_content(path), newline="")
    reader = (
        csv.DictReader(content, delimiter="\t", quoting=csv.QUOTE_NONE)
        if tabs
        else csv.DictReader(content)
    )
    try:
        _require_columns(path, fields, reader.fieldnames or ())
        for number, values in enumerate(reader, start=1):
            yield Row(values, path, number)
    except csv.Error as error:
        raise _unreadable(path, f"is no CSV file: {error}") from error


def parquet_rows(
    paths: Sequence[Path], fields: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[Row]:
    """Yield the rows of a table in one Parquet file or several; other columns are not read.

    Args:
        paths: of the files.
        fields: columns that they must have.
        optional: columns that they may have.

    Raises:
        DatasetError: if one lacks a column, or is no Parquet file.
        MachineError: if pyarrow is not installed.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise MachineError(
            f"'{paths[0]}' is read with the library pyarrow, which is not installed",
            hint=how_to_install("evaluate"),
        )
    for path in paths:
        yield from _rows_of_part(path, fields, optional)


def _rows_of_part(path: Path, fields: Sequence[str], optional: Sequence[str]) -> Iterator[Row]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            there = file.schema_arrow.names
            _require_columns(path, fields, there)
            columns = [name for name in there if name in {*fields, *optional}]
            number = 0
            for batch in file.iter_batches(columns=columns):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(values, path, number)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, f"is no Parquet file: {error}") from error


def table_rows(
    paths: Sequence[Path], fields: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[Row]:
    """Yield the rows of a table that is Parquet, CSV or a JSON list, as its name says.

    Raises:
        DatasetError: if it is something else, or lacks a column.
    """
    if paths[0].suffix == ".parquet":
        yield from parquet_rows(paths, fields, optional)
    elif paths[0].suffix == ".csv":
        yield from csv_rows(paths[0], fields)
    else:
        yield from json_rows(paths[0])


def _require_columns(path: Path, fields: Sequence[str], there: Sequence[str]) -> None:
    lacking = [field for field in fields if field not in there]
    if lacking:
        raise _unreadable(path, f"has no column '{lacking[0]}'")


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise _unreadable(path, f"cannot be read: {reason}") from error


def _unreadable(path: Path, what: str) -> DatasetError:
    return DatasetError(f"'{path}' {what}", path=path, hint="fetch it again, as it is published")
