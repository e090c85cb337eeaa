"""Rows of results as a Parquet file: nested columns, as JSON has them. Needs pyarrow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from linvt_cli.errors import DatasetError


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


def write_table(path: Path, lines: Sequence[bytes]) -> None:
    """Write rows, each given as JSON, to a file. An ``id`` and what is structured become texts."""
    import pyarrow as pa
    from pyarrow import parquet

    rows = [json.loads(line) for line in lines]
    for row in rows:
        row["id"] = None if row.get("id") is None else str(row["id"])
        structured = row.get("structured")
        row["structured"] = None if structured is None else json.dumps(structured)
    parquet.write_table(pa.Table.from_pylist(rows, schema=_schema()), path)


def read_table(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a file that ``write_table`` wrote.

    Raises:
        DatasetError: if it was written by something else.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(path).cast(_schema())
    except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError, KeyError) as error:
        raise DatasetError(
            f"'{path}' is no table that 'linvt ask -o' wrote",
            path=path,
            hint="name another file for the results",
        ) from error
    rows: list[dict[str, Any]] = table.to_pylist()
    for row in rows:
        if row["id"] is None:
            del row["id"]
        if row["structured"] is not None:
            row["structured"] = json.loads(row["structured"])
    return rows
