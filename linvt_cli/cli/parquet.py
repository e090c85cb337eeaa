"""Rows of results as a Parquet file: nested columns, as JSON has them. Needs pyarrow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from linvt_cli.errors import DatasetError

_ROWS_AT_ONCE = 1000  # pyarrow converts them in one call, which Ctrl-C has to wait for


def _schema() -> Any:
    import pyarrow as pa

    def struct(**fields: Any) -> Any:
        return pa.struct(list(fields.items()))

    text, whole, number = pa.string(), pa.int64(), pa.float64()
    seconds = dict.fromkeys(("decode", "vision", "tokenize", "prefill", "generate"), number)
    return pa.schema(
        {
            "schema_version": whole,
            "video": text,
            "id": text,
            "question": text,
            "answer": text,
            "finish_reason": text,
            "model": struct(
                backbone=text, tokenizer=text, checkpoint=text, quantization=text, revision=text
            ),
            "frames": struct(
                count=whole,
                times=pa.list_(number),
                span=pa.list_(number),
                duration=number,
                coverage=number,
                warnings=pa.list_(text),
            ),
            "tokens": struct(
                visual=whole, video=whole, prompt=whole, generated=whole, cached=pa.bool_()
            ),
            "seconds": struct(**seconds),
            "error": struct(type=text, message=text, hint=text),
            "source": struct(digest=text, size=whole),
            "settings": text,
            "choices": pa.list_(struct(text=text, probability=number)),
            "structured": text,
        }
    )


def write_table(path: Path, lines: Iterable[bytes]) -> None:
    """Write rows, each given as JSON, to a file. An ``id`` and what is structured become texts."""
    import pyarrow as pa
    from pyarrow import parquet

    schema = _schema()
    left = iter(lines)
    with parquet.ParquetWriter(path, schema) as writer:
        while rows := [_to_columns(json.loads(line)) for line in islice(left, _ROWS_AT_ONCE)]:
            writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=schema))


def read_table(path: Path) -> Iterator[dict[str, Any]]:
    """Read the rows of a file that ``write_table`` wrote.

    Raises:
        DatasetError: if it was written by something else.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(_ROWS_AT_ONCE):
                yield from map(_from_columns, batch.cast(_schema()).to_pylist())
    except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError, KeyError) as error:
        raise DatasetError(
            f"'{path}' is no table that 'linvt ask -o' wrote",
            path=path,
            hint="name another file for the results",
        ) from error


def _to_columns(row: dict[str, Any]) -> dict[str, Any]:
    name, structured = row.get("id"), row.get("structured")
    return {
        **row,
        "id": None if name is None else str(name),
        "structured": None if structured is None else json.dumps(structured),
    }


def _from_columns(row: dict[str, Any]) -> dict[str, Any]:
    structured = row["structured"]
    row["structured"] = None if structured is None else json.loads(structured)
    if row["id"] is None:
        del row["id"]
    return row
