"""One entry of a file of a benchmark: its fields, checked, with errors that name them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from linvt_cli.errors import DatasetError
from linvt_cli.evaluation.items import LETTERS, BrokenItem, Groups, Item

VIDEO_SUFFIXES = (".mp4", ".webm", ".mkv", ".avi", ".mov", ".MP4")
_LONGEST = 10**6  # s, of a video: eleven days
_LONGEST_NAME = 250  # bytes, which leaves room for an ending
_LONGEST_SHOWN = 300  # characters of a path in a message
_HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")
_MISSING = object()


def whole_text(value: object) -> str:
    """Return a value as a text that can be encoded; halves of characters are replaced."""
    return _HALF_A_CHARACTER.sub("\ufffd", str(value))


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a file, whose fields are checked as they are taken."""

    values: Mapping[str, Any]
    file: Path
    name: int | str  # number from 1, or the key in the file

    def error(self, field: str, what: str, *, hint: str | None = None) -> DatasetError:
        """Return the error that a field of this row is wrong."""
        return DatasetError(
            f"Field '{field}' of row {self.name} in '{self.file}' {what}",
            path=self.file,
            line=self.name if isinstance(self.name, int) else None,
            hint=hint,
        )

    def text(self, field: str) -> str:
        """Return a text that is not empty; a number counts as one.

        Raises:
            DatasetError: if there is none.
        """
        value = self._value(field)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.error(field, f"is no text but {_kind(value)}")
        text = whole_text(value).strip()
        if not text:
            raise self.error(field, "is empty")
        return text

    def seconds(self, field: str) -> float:
        """Return a time of 0 or more seconds.

        Raises:
            DatasetError: if it is none.
        """
        value = self._value(field)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(field, f"is no number of seconds but {_kind(value)}")
        if not 0 <= value <= _LONGEST:
            raise self.error(field, f"must be from 0 to {_LONGEST} seconds")
        return float(value)

    def texts(self, field: str, *, least: int = 2) -> tuple[str, ...]:
        """Return two or more texts, or at least as many as said.

        Raises:
            DatasetError: if it is no such list.
        """
        value = self._value(field)
        if not isinstance(value, list | tuple):
            raise self.error(field, f"is no list but {_kind(value)}")
        if not least <= len(value) <= len(LETTERS):
            raise self.error(
                field, f"has {len(value)} entries where {least} to {len(LETTERS)} are needed"
            )
        if not all(isinstance(each, str | int | float) for each in value):
            raise self.error(field, "is no list of texts")
        return tuple(whole_text(each).strip() for each in value)

    def place(self, field: str, count: int) -> int:
        """Return a place among ``count`` options, from 0; a text of digits counts.

        Raises:
            DatasetError: if it is none.
        """
        value = self._value(field)
        try:
            place = int(value) if not isinstance(value, bool | float) else -1
        except (TypeError, ValueError):
            place = -1
        if not 0 <= place < count:
            raise self.error(field, f"must be 0 to {count - 1}, not {value!r}")
        return place

    def place_of_text(self, field: str, options: Sequence[str]) -> int:
        """Return the place of the option that a field repeats: the last of equal ones.

        So does the loop with which MVBench and MLVU look for it.

        Raises:
            DatasetError: if it repeats none.
        """
        text = self.text(field)
        if text not in options:
            raise self.error(field, f"is '{text}', which is none of the options")
        return len(options) - 1 - options[::-1].index(text)

    def place_of_letter(self, field: str, count: int) -> int:
        """Return the place that a letter means.

        Raises:
            DatasetError: if it is no letter of an option.
        """
        text = self.text(field)
        if len(text) != 1 or text not in LETTERS[:count]:
            raise self.error(
                field, f"must be a letter from A to {LETTERS[count - 1]}, not '{text}'"
            )
        return LETTERS.index(text)

    def inside(self, field: str, name: str) -> PurePosixPath:
        """Return a name as a path that stays in the folder where it is looked for.

        Raises:
            DatasetError: if it leads out of it, or no file can have it.
        """
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts:
            raise self.error(field, f"leads out of the folder: '{name}'")
        if any(len(part.encode(errors="replace")) > _LONGEST_NAME for part in pure.parts):
            raise self.error(field, f"is too long for a name: '{name[:40]}…'")
        return pure

    def is_there(self, field: str, path: Path) -> bool:
        """Whether a file or folder that a field names exists.

        Raises:
            DatasetError: if the system does not tell.
        """
        try:
            return path.exists()
        except OSError as error:
            what = f"names '{_shortened(str(path))}', which cannot be looked for: {error.strerror}"
            raise self.error(field, what) from error

    def video(
        self, field: str, name: str, folders: Iterable[Path], *, others: Iterable[str] = ()
    ) -> Path:
        """Return the video file, or folder of frames, of a name: in the first folder that has it.

        Where the name's own ending is not there, the other usual ones are tried.

        Args:
            field: that has the name, for messages.
            name: the usual one.
            folders: where it may be.
            others: names that the same video has elsewhere, tried after it.

        Raises:
            DatasetError: if no folder has it or may be read, or a name leads out of them.
        """
        tried = list(dict.fromkeys(folders))
        for pure in [self.inside(field, each) for each in (name, *others)]:
            for folder in tried:
                for candidate in _candidates(folder / pure):
                    if self.is_there(field, candidate):
                        return candidate
        raise self.error(
            field,
            f"names the video '{name}', which is not in {_listed(tried)}",
            hint="fetch the videos of the benchmark, and unpack them there",
        )

    def groups(self, *dimensions: str) -> Groups:
        """Return the categories in fields that have the names of dimensions.

        Raises:
            DatasetError: if one is missing.
        """
        return tuple((dimension, self.text(dimension)) for dimension in dimensions)

    def _value(self, field: str) -> Any:
        value = self.values.get(field, _MISSING)
        if value is _MISSING or value is None:
            raise self.error(field, "is missing")
        return value


def _candidates(path: Path) -> Iterator[Path]:
    yield path
    stem = path.with_suffix("") if path.suffix in VIDEO_SUFFIXES else path
    for suffix in VIDEO_SUFFIXES:
        yield stem.with_name(stem.name + suffix)


def _shortened(path: str) -> str:
    return path if len(path) <= _LONGEST_SHOWN else f"{path[:_LONGEST_SHOWN]}…"


def _listed(folders: Sequence[Path]) -> str:
    return " or ".join(f"'{folder}'" for folder in folders)


def _kind(value: object) -> str:
    return {dict: "an object", list: "a list", bool: "true or false", str: "a text"}.get(
        type(value), "a number" if isinstance(value, int | float) else "null"
    )


def item_or_broken(
    make: Callable[[Row], Item],
    row: Row,
    id_: str,
    groups: Groups | Callable[[Row], Groups] = (),
    *,
    has_answer: bool = True,
) -> Item | BrokenItem:
    """Return the item of a row, or why there is none.

    Args:
        make: makes the item.
        row: of a file.
        id_: of the item where none can be made.
        groups: of such an item, or what reads them from the row; none where it cannot.
        has_answer: whether the right answer is public.
    """
    try:
        return make(row)
    except DatasetError as error:
        return BrokenItem(id_, _known_groups(groups, row), error, has_answer)


def _known_groups(groups: Groups | Callable[[Row], Groups], row: Row) -> Groups:
    if not callable(groups):
        return groups
    try:
        return groups(row)
    except DatasetError:
        return ()


def without_letters(options: Sequence[str]) -> tuple[str, ...]:
    """Return options without the letters ``A.``, ``(A)`` before them, where all have theirs."""
    bare = []
    for letter, option in zip(LETTERS, options, strict=False):
        found = re.fullmatch(rf"\(?{letter}[.):]\s*(.+)", option, flags=re.DOTALL)
        if found is None:
            return tuple(options)
        bare.append(found[1].strip())
    return tuple(bare)
