"""Training data: one JSON object a line, each a video with questions and answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its answer."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Sample:
    """A video, or a part of one, and a conversation about it."""

    video: Path
    exchanges: tuple[Exchange, ...]
    start: float | None  # s
    end: float | None
    source: str
    place: str  # "file.jsonl:17"


@dataclass(frozen=True, slots=True)
class BadSample:
    """A line that cannot be used."""

    place: str
    reason: str


def read_samples(path: Path, *, root: Path | None = None) -> Iterator[Sample | BadSample]:
    """Read a data file; a line that cannot be used stops no other."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            place = f"{path}:{number}"
            try:
                yield _sample(json.loads(line), root or path.parent, place)
            except (ValueError, KeyError, TypeError) as error:
                yield BadSample(place, f"{type(error).__name__}: {error}")


def _sample(row: dict[str, Any], root: Path, place: str) -> Sample:
    turns = row.get("conversations")
    if turns is None:
        exchanges: tuple[Exchange, ...] = (Exchange(row["question"], row["answer"]),)
    else:
        exchanges = tuple(
            Exchange(asked["value"], answered["value"])
            for asked, answered in zip(turns[::2], turns[1::2], strict=True)
        )
    return Sample(
        root / row["video"],
        exchanges,
        row.get("start"),
        row.get("end"),
        str(row.get("source", "")),
        place,
    )
