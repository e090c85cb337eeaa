"""Fields of rows that people and programs wrote, checked as they are taken."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from linvt_cli.errors import ConfigError
from linvt_cli.video.sampling import parse_time

Row = Mapping[str, Any]

_LONGEST = 1e12  # seconds
_MAX_SHOWN = 60  # characters of a value in a message
_PLACEHOLDER = re.compile(r"\s*<(?:image|video)>\s*", re.IGNORECASE)
_NOT_UNICODE = re.compile("[\ud800-\udfff]")

_KINDS = (
    (type(None), "null"),
    (bool, "true or false"),
    (dict, "an object"),
    (list, "a list"),
    (str, "a text"),
)


class FieldError(ValueError):
    """A field is not what it should be; the text says in one line which one, and why."""

    def __init__(self, field: str, what: str) -> None:
        super().__init__(f"'{field}' {what}" if field else what)
        self.field = field


def row_of(value: object) -> Row:
    """Return an object of JSON.

    Raises:
        FieldError: if it is something else.
    """
    if isinstance(value, Mapping):
        return value
    raise FieldError("", f"is {_kind(value)}, not an object: {shown(value)}")


def text_of(value: object, field: str) -> str:
    """Return a text, without space around it.

    Raises:
        FieldError: if it is none, or empty, or no Unicode.
    """
    text = text_or_empty(value, field)
    if not text:
        raise FieldError(field, "is missing" if value is None else "is empty")
    return text


def text_or_empty(value: object, field: str) -> str:
    """Return a text, without space around it; an empty one for none.

    Raises:
        FieldError: if it is something else than a text, or no Unicode.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise FieldError(field, f"is {_kind(value)}, not a text: {shown(value)}")
    if _NOT_UNICODE.search(value):
        raise FieldError(field, "has characters that are no Unicode")
    return value.strip()


def question_of(value: object, field: str) -> str:
    """Return a question without the places that it keeps for pictures: ``<image>``, ``<video>``.

    Raises:
        FieldError: if it is no text, or nothing else is in it.
    """
    question = without_placeholders(text_of(value, field))
    if not question:
        raise FieldError(field, "is empty but for places of pictures")
    return question


def without_placeholders(text: str) -> str:
    """Return a text without ``<image>`` and ``<video>``, and the space around them."""
    return _PLACEHOLDER.sub(" ", text).strip()


def file_name_of(value: object, field: str) -> str:
    """Return the name of a file.

    Raises:
        FieldError: if it is none.
    """
    name = text_of(value, field)
    if "://" in name:
        raise FieldError(field, f"is an address, not a file: {shown(name)}")
    if "\0" in name:
        raise FieldError(field, "is no name of a file: it has a NUL in it")
    return name


def span_of(row: Row, start: str = "start", end: str = "end") -> tuple[float | None, float | None]:
    """Return from where to where, in seconds; None where a row does not say.

    Raises:
        FieldError: if one is no time, or the second does not come after the first.
    """
    begin, finish = _seconds(row.get(start), start), _seconds(row.get(end), end)
    if finish is not None and finish <= (begin or 0.0):
        raise FieldError(
            end, f"must come after '{start}': {finish:g} s is not after {begin or 0:g} s"
        )
    return begin, finish


def _seconds(value: object, field: str) -> float | None:
    """Read a number of seconds, or a text such as 0:01:23.5."""
    if value is None:
        return None
    if isinstance(value, str):
        try:
            return parse_time(value)
        except ConfigError:
            raise FieldError(field, f"is no time: {shown(value)}") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FieldError(field, f"is {_kind(value)}, not a number of seconds: {shown(value)}")
    if not 0 <= value <= _LONGEST:
        raise FieldError(field, f"must be 0 or more seconds, not {_cut(str(value))}")
    return float(value)


def shown(value: object) -> str:
    """Return a value as one line of JSON, cut off where it is long."""
    text = json.dumps(value, ensure_ascii=True, default=str)
    return _cut(text)


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def _kind(value: object) -> str:
    for kind, name in _KINDS:
        if isinstance(value, kind):
            return name
    return "a number"
