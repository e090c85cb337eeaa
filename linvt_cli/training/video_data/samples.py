"""Samples to train on, read from linvt's own format: a video, and questions with their answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from linvt_cli.errors import VideoError
from linvt_cli.training.video_data.conversations import FIELD as CONVERSATIONS
from linvt_cli.training.video_data.conversations import read_turns
from linvt_cli.training.video_data.entries import Entry, check_readable, read_lines
from linvt_cli.training.video_data.fields import (
    FieldError,
    Row,
    file_name_of,
    question_of,
    row_of,
    span_of,
    text_of,
    text_or_empty,
)
from linvt_cli.video.files import regular_file


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question with the answer to learn."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Sample:
    """A video, or a part of it, with a conversation about it."""

    video: Path  # file, as found under the data's root
    exchanges: tuple[Exchange, ...]  # one or more, in order of the conversation
    start: float | None  # s
    end: float | None  # s
    source: str  # data set name, "" if none given
    place: str  # "file.jsonl:17", for messages


@dataclass(frozen=True, slots=True)
class BadSample:
    """A line that is no sample."""

    place: str
    reason: str  # one line, names the field
    field: str = ""  # "" where the line as a whole is at fault


def read_samples(path: Path, *, root: Path | None = None) -> Iterator[Sample | BadSample]:
    """Yield the samples of a file in linvt's training format, and what is wrong with bad lines.

    Each line is a JSON object with ``video``, and ``conversations`` or ``question`` and ``answer``;
    if wanted ``start``, ``end`` and ``source``. Other fields are passed over. Whether the videos
    are there is left to ``missing_video``.

    Args:
        path: of the file.
        root: folder that names of videos begin at; that of the file where left out.

    Raises:
        DatasetError: if the file itself cannot be read.
    """
    check_readable(path)
    folder = path.parent if root is None else root
    return (sample_of(entry, folder) for entry in read_lines(path))


def missing_video(sample: Sample) -> BadSample | None:
    """Return what is wrong with the file of a sample's video; None if it can be opened."""
    try:
        regular_file(sample.video)
    except VideoError as error:
        return BadSample(sample.place, f"'video': {error.message}", "video")
    return None


def sample_of(entry: Entry, root: Path) -> Sample | BadSample:
    """Return the sample of a line whose videos are named from a folder, or what is wrong."""
    if entry.problem is not None:
        return BadSample(entry.place, entry.problem)
    try:
        row = row_of(entry.value)
        start, end = span_of(row)
        return Sample(
            video=root / file_name_of(row.get("video"), "video"),
            exchanges=_exchanges_of(row),
            start=start,
            end=end,
            source=text_or_empty(row.get("source"), "source"),
            place=entry.place,
        )
    except FieldError as error:
        return BadSample(entry.place, str(error), error.field)


def _exchanges_of(row: Row) -> tuple[Exchange, ...]:
    single = [field for field in ("question", "answer") if row.get(field) is not None]
    conversation = row.get(CONVERSATIONS)
    if conversation is None:
        question = question_of(row.get("question"), "question")
        return (Exchange(question, text_of(row.get("answer"), "answer")),)
    if single:
        raise FieldError(single[0], f"stands beside '{CONVERSATIONS}'; one of the two is enough")
    return tuple(Exchange(*turn) for turn in read_turns(conversation))
