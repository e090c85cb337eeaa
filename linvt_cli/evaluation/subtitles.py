"""Subtitles: SubRip files and the JSON of LongVideoBench, and what of them goes with frames."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from linvt_cli.errors import DatasetError
from linvt_cli.evaluation.data_files import read_json
from linvt_cli.evaluation.items import Subtitle
from linvt_cli.evaluation.rows import whole_text

_TIME = r"(\d{1,3}):(\d\d):(\d\d)[,.](\d{1,3})"
_SPAN = re.compile(rf"{_TIME}\s*-->\s*{_TIME}")
_TAG = re.compile(r"<[^<>]*>|\{\\[^{}]*\}")
_LEAST_LENGTH = 1.0  # s; LongVideoBench widens shorter ones


def read_srt(path: Path) -> tuple[Subtitle, ...]:
    """Return the subtitles of a SubRip file, without markup.

    Raises:
        DatasetError: if it cannot be read or holds none.
    """
    try:
        content = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise DatasetError(
            f"'{path}' cannot be read: {error.strerror}",
            path=path,
            hint="fetch the file again, as it is published",
        ) from error
    found = []
    for block in re.split(r"\r?\n[ \t]*\r?\n", content):
        span = _SPAN.search(block)
        if span is None:
            continue
        text = " ".join(_TAG.sub("", block[span.end() :]).split())
        if text:
            found.append(Subtitle(_seconds(span.groups()[:4]), _seconds(span.groups()[4:]), text))
    if not found and content.strip():
        raise DatasetError(
            f"'{path}' holds no subtitles in the SubRip format",
            path=path,
            hint="fetch the file again, as it is published",
        )
    return tuple(found)


def _seconds(parts: Sequence[str]) -> float:
    hours, minutes, seconds, rest = parts
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{rest}")


def read_longvideobench(path: Path, *, begins: float, duration: float) -> tuple[Subtitle, ...]:
    """Return the subtitles of a JSON file of LongVideoBench.

    Args:
        path: of the file: a list of ``start``, ``end``, ``line`` or ``timestamp``, ``text``.
        begins: second of the original video where this one begins.
        duration: of this video, for a last subtitle without an end.

    Raises:
        DatasetError: if the file is something else.
    """
    entries = read_json(path)
    if not isinstance(entries, list):
        raise DatasetError(
            f"'{path}' is no JSON list", path=path, hint="fetch the file again, as it is published"
        )
    try:
        return tuple(_entry(entry, begins, duration) for entry in entries)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DatasetError(
            f"'{path}' has a subtitle without its fields: {error}",
            path=path,
            hint="fetch the file again, as it is published",
        ) from error


def _entry(entry: dict[str, Any], begins: float, duration: float) -> Subtitle:
    if "timestamp" in entry:
        start, end = entry["timestamp"]
        last = float(end) if isinstance(end, int | float) else begins + duration
        start, end, text = float(start) - begins, last - begins, entry["text"]
    else:
        start, end = _clock(entry["start"]) - begins, _clock(entry["end"]) - begins
        text = entry["line"]
    if end - start < _LEAST_LENGTH:
        middle = (start + end) / 2
        start, end = middle - _LEAST_LENGTH / 2, middle + _LEAST_LENGTH / 2
    return Subtitle(start, end, " ".join(whole_text(text).split()))


def _clock(text: str) -> float:
    hours, minutes, seconds = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def spoken_at(subtitles: Sequence[Subtitle], times: Sequence[float]) -> str:
    """Return the subtitles that some frame shows, a line each, each once, in their order.

    Args:
        subtitles: of the whole video.
        times: of the frames, in seconds.
    """
    shown = [
        subtitle.text
        for subtitle in subtitles
        if any(subtitle.start <= time < subtitle.end for time in times)
    ]
    return "\n".join(dict.fromkeys(shown))
