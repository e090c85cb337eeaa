"""From the entries of a public data set to lines of linvt's training format."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from linvt_cli.training.video_data.conversations import FIELD as CONVERSATIONS
from linvt_cli.training.video_data.drafts import Candidate, Draft
from linvt_cli.training.video_data.entries import Entry
from linvt_cli.training.video_data.fields import FieldError, row_of
from linvt_cli.training.video_data.formats import Format
from linvt_cli.training.video_data.samples import BadSample, Exchange

_ENDINGS = (".mp4", ".mkv", ".webm", ".avi", ".mov")


@dataclass(frozen=True, slots=True)
class Converted:
    """An entry as a line of the training format."""

    row: dict[str, Any]


@dataclass(frozen=True, slots=True)
class VideoMissing:
    """An entry whose video is not in the folder of videos."""

    place: str
    name: str


class Converter:
    """Turns entries of one format into lines of a training file.

    Args:
        form: of the entries.
        videos: folder with the videos, in which each is looked for; None to look for none, and
            name them as the data set does.
        file: the training file; names of videos that were found begin at its folder where they lie
            below it, and are whole paths elsewhere.
        source: name of the data set; that of the entry or of the format where left out.
    """

    def __init__(
        self, form: Format, *, videos: Path | None, file: Path, source: str | None = None
    ) -> None:
        self._form = form
        self._videos = None if videos is None else Path(os.path.abspath(videos))  # noqa: PTH100
        self._folder = Path(os.path.abspath(file)).parent  # noqa: PTH100 - keeps links
        self._source = source

    def convert(self, path: Path) -> Iterator[Converted | VideoMissing | BadSample]:
        """Yield what becomes of each entry of a file.

        Raises:
            DatasetError: if the file cannot be read, or is damaged, so that what comes after cannot
                be.
        """
        for entry in self._form.read(path):
            yield self._converted(entry)

    def _converted(self, entry: Entry) -> Converted | VideoMissing | BadSample:
        if entry.problem is not None:
            return BadSample(entry.place, entry.problem)
        try:
            draft = self._form.draft_of(row_of(entry.value))
        except FieldError as error:
            return BadSample(entry.place, str(error), error.field)
        found = self._find(draft.candidates)
        if found is None:
            return VideoMissing(entry.place, draft.candidates[0].name)
        return Converted(self._row(found, draft))

    def _find(self, candidates: tuple[Candidate, ...]) -> Candidate | None:
        if self._videos is None:
            return candidates[0]
        for candidate in candidates:
            for path in _spelled(self._videos / candidate.name):
                # Path.is_file raises at names that are too long, or in folders closed to the user.
                if os.path.isfile(path):  # noqa: PTH113
                    return replace(candidate, name=self._name_of(path))
        return None

    def _name_of(self, path: Path) -> str:
        below = path.is_relative_to(self._folder)
        return (path.relative_to(self._folder) if below else path).as_posix()

    def _row(self, found: Candidate, draft: Draft) -> dict[str, Any]:
        row: dict[str, Any] = {"video": found.name, **_told(draft.exchanges)}
        if found.start is not None:
            row["start"] = found.start
        if found.end is not None:
            row["end"] = found.end
        source = self._source if self._source is not None else draft.source or self._form.source
        if source:
            row["source"] = source
        return row


def _spelled(path: Path) -> Iterator[Path]:
    """Yield a path, then the same with the other usual endings: sites give what they have."""
    yield path
    stem = path.with_suffix("") if path.suffix.lower() in _ENDINGS else path
    for ending in _ENDINGS:
        yield stem.with_name(f"{stem.name}{ending}")


def _told(exchanges: tuple[Exchange, ...]) -> dict[str, Any]:
    if len(exchanges) == 1:
        return {"question": exchanges[0].question, "answer": exchanges[0].answer}
    turns = [
        {"from": speaker, "value": text}
        for exchange in exchanges
        for speaker, text in (("human", exchange.question), ("gpt", exchange.answer))
    ]
    return {CONVERSATIONS: turns}
