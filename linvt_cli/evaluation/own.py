"""Questions of the user's own: a file in linvt's training format, with options if wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from linvt_cli.errors import DatasetError
from linvt_cli.evaluation.items import LETTERS, BrokenItem, Groups, Item, Read, ReadOptions
from linvt_cli.training.video_data.entries import Entry, read_lines
from linvt_cli.training.video_data.fields import FieldError, Row, row_of, text_of, text_or_empty
from linvt_cli.training.video_data.samples import BadSample, Sample, missing_video, sample_of

_DIMENSIONS = ("category", "kind", "source")
_BAD_LINES = "'linvt data check' finds bad lines"
_BESIDE = (
    "names are those of files beside it, or whole paths, as 'linvt data convert --videos' writes"
)


class _NoVideoError(FieldError):
    """The video of a line is not there."""


def read_own(file: Path, options: ReadOptions) -> Read:
    """Yield the questions of a file.

    A line is as for training: ``video``, ``question``, ``answer``, if wanted ``start`` and ``end``.
    With ``options``, a list of texts, the answer is one of them or its letter. ``id``,
    ``category``, ``kind`` and ``source`` tell lines apart in the results.

    Args:
        file: JSON Lines; videos are looked for beside it.
        options: not needed here.

    Raises:
        DatasetError: if the file cannot be read.
    """
    del options
    for entry in read_lines(file):
        try:
            yield _item(entry, file)
        except FieldError as error:
            hint = _BESIDE if isinstance(error, _NoVideoError) else _BAD_LINES
            reason = DatasetError(f"{entry.place}: {error}", path=file, hint=hint)
            yield BrokenItem(_id_of(entry), _groups_of(entry), reason)


def _item(entry: Entry, file: Path) -> Item:
    sample = _usable(sample_of(entry, file.parent))
    (exchange, *more) = sample.exchanges
    if more:
        raise FieldError("conversations", "has several questions, and only one can be scored")
    row = row_of(entry.value)
    choices, answer, right = _choices(row), exchange.answer, None
    if choices:
        right = _place_of(answer, choices)
        answer = f"{LETTERS[right]}. {choices[right]}"  # for a judge
    return Item(
        _id_of(entry),
        sample.video,
        exchange.question,
        choices,
        right,
        answer=answer,
        groups=_groups_of(entry),
        start=sample.start,
        end=sample.end,
    )


def _usable(sample: Sample | BadSample) -> Sample:
    if isinstance(sample, BadSample):
        raise FieldError("", sample.reason)
    if (missing := missing_video(sample)) is not None:
        raise _NoVideoError("", missing.reason)
    return sample


def _choices(row: Row) -> tuple[str, ...]:
    value = row.get("options")
    if value is None:
        return ()
    if not isinstance(value, list) or not 2 <= len(value) <= len(LETTERS):
        raise FieldError("options", f"must be a list of 2 to {len(LETTERS)} texts")
    return tuple(text_of(each, "options") for each in value)


def _place_of(answer: str, choices: tuple[str, ...]) -> int:
    if answer in choices:
        return choices.index(answer)
    if len(answer) == 1 and answer in LETTERS[: len(choices)]:
        return LETTERS.index(answer)
    raise FieldError("answer", f"is '{answer}', which is none of the options and no letter of one")


def _id_of(entry: Entry) -> str:
    given = entry.value.get("id") if isinstance(entry.value, dict) else None
    is_usable = isinstance(given, str | int) and not isinstance(given, bool) and given != ""
    return str(given) if is_usable else f"line {entry.place.rpartition(':')[2]}"


def _groups_of(entry: Entry) -> Groups:
    row: dict[str, Any] = entry.value if isinstance(entry.value, dict) else {}
    told = []
    for dimension in _DIMENSIONS:
        try:
            told.append((dimension, text_or_empty(row.get(dimension), dimension)))
        except FieldError:
            continue
    return tuple((dimension, name) for dimension, name in told if name)
