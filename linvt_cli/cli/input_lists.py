"""Lists of videos: a path on each line, paths with NUL between them, or rows of JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from linvt_cli.cli.output import utf8_text
from linvt_cli.errors import ConfigError, DatasetError
from linvt_cli.video.sampling import parse_time

STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True)
class ListRow:
    """What a row of a list says; None where it says nothing."""

    video: str
    question: str | None = None
    id: str | int | None = None
    start: str | None = None  # in the user's words: seconds or h:mm:ss
    end: str | None = None


def read_list(source: str, *, separated_by_nul: bool = False) -> Iterator[ListRow]:
    r"""Read a list of videos.

    A line that begins with ``{`` is a row of JSON with ``video`` and, if wanted, ``question``,
    ``id``, ``start`` and ``end``; other fields are passed over, so that rows that linvt wrote can
    be given back to it. Any other line is a path. Empty lines are passed over. What is no Unicode
    in a question or an ``id`` is escaped; an empty ``id`` is none.

    Args:
        source: a file, or ``-`` for standard input.
        separated_by_nul: all are paths, with a NUL after each, as ``find -print0`` writes them.

    Raises:
        DatasetError: if the list cannot be read, or a row of JSON makes no sense.
    """
    content = _content(source)
    if separated_by_nul:
        yield from (ListRow(os.fsdecode(path)) for path in content.split(b"\0") if path)
        return
    if b"\0" in content:
        raise DatasetError(
            f"The list '{source}' has NULs in it, as no list of lines has",
            path=source,
            hint="-0 reads names with a NUL after each; a video itself cannot be read from a list",
        )
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    for number, line in enumerate(lines, start=1):
        text = os.fsdecode(line.removesuffix(b"\r"))
        if text.lstrip().startswith("{"):
            yield _row_of_json(text, source, number)
        elif text.strip():
            yield ListRow(text)


def _content(source: str) -> bytes:
    if source == STANDARD_INPUT:
        if sys.stdin is None or sys.stdin.isatty():
            raise ConfigError(
                "The list of videos should come from standard input, and that is a terminal",
                field="from",
                hint="find videos -name '*.mp4' | linvt ask --from - 'What happens?'",
            )
        return sys.stdin.buffer.read()
    try:
        return Path(source).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DatasetError(
            f"The list '{source}' cannot be read: {reason}",
            path=source,
            hint="name a file with a path on each line, or - for standard input",
        ) from error


def _row_of_json(text: str, source: str, number: int) -> ListRow:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(f"is no JSON: {error}", source, number) from error
    question = _text(row, "question", source, number)
    return ListRow(
        _text(row, "video", source, number) or _missing(source, number),
        None if question is None else utf8_text(question),
        _identity(row, source, number),
        _time(row, "start", source, number),
        _time(row, "end", source, number),
    )


def _text(row: dict[str, object], key: str, source: str, number: int) -> str | None:
    value = row.get(key)
    if value is None or (isinstance(value, str) and value.strip()):
        return value
    raise _wrong(f"has a '{key}' that is no text: {json.dumps(value)}", source, number)


def _missing(source: str, number: int) -> str:
    raise _wrong("names no 'video'", source, number)


def _identity(row: dict[str, object], source: str, number: int) -> str | int | None:
    value = row.get("id")
    if isinstance(value, str):
        return utf8_text(value) or None
    if value is None or type(value) is int:
        return value
    raise _wrong("has an 'id' that is neither a text nor a whole number", source, number)


def _time(row: dict[str, object], key: str, source: str, number: int) -> str | None:
    value = row.get(key)
    if value is None:
        return None
    text = str(value)  # of true it is no time
    try:
        parse_time(text)
    except ConfigError as error:
        message = f"has a '{key}' that is no time: {json.dumps(value)}"
        raise _wrong(message, source, number) from error
    return text


def _wrong(what: str, source: str, number: int) -> DatasetError:
    return DatasetError(
        f"Line {number} of the list '{source}' {what}",
        path=source,
        line=number,
        hint='write {"video": "clip.mp4", "question": "What happens?"}, or only a path',
    )
