"""What the user named: which videos, and what is asked of each."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from linvt_cli.cli.file_search import (
    Filter,
    files_in,
    files_like,
    is_pattern,
    matches_nothing,
    names_media,
)
from linvt_cli.cli.input_lists import STANDARD_INPUT, ListRow, read_list
from linvt_cli.errors import ConfigError, VideoNotFoundError

_LIKE_A_FILE = re.compile(r"\S*([/*\[]\S*|\.\w{1,5})")
_SHARD = re.compile(r"(\d{1,9})/(\d{1,9})")
Video = TypeVar("Video")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what the user calls the row of its answer."""

    question: str
    id: str | int | None = None


@dataclass(frozen=True, slots=True)
class VideoRequest:
    """A video, or a part of one, and all that is asked of it: it is looked at once."""

    video: str
    asked: tuple[Asked, ...]
    start: str | None = None  # in the user's words; None where the command line decides
    end: str | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which of all videos are taken, and how lists are read."""

    files: Filter = field(default_factory=Filter)
    lists: tuple[str, ...] = ()
    separated_by_nul: bool = False
    limit: int | None = None
    shard: str | None = None  # "I/N"

    @property
    def is_usual(self) -> bool:
        """Whether the user said nothing of it."""
        return self == Selection()


def split_arguments(
    arguments: Sequence[str], *, asks_otherwise: bool, has_list: bool
) -> tuple[tuple[str, ...], str | None]:
    """Return the videos, folders and patterns among the arguments, and the question.

    The question is the last of two or more. Where questions come from an option too, or videos from
    a list, the last argument is a question only if it names no file and does not look like a name.
    A ``-`` is never one, but standard input.

    Args:
        arguments: of the command line, in their order.
        asks_otherwise: whether there is a question in an option.
        has_list: whether videos come from a list.

    Raises:
        ConfigError: if the place of the question is taken by a file.
    """
    if not arguments or (len(arguments) == 1 and not has_list):
        return tuple(arguments), None
    *inputs, last = arguments
    is_list = last == STANDARD_INPUT
    is_file = is_list or os.path.exists(last)  # noqa: PTH110 - Path() would fold 'http://'
    if asks_otherwise or (has_list and not inputs):
        if is_file or looks_like_file(last):
            return tuple(arguments), None
    elif is_file:
        raise ConfigError(
            f"The last of these should be the question, and '{last}' is"
            f" {'standard input' if is_list else 'there as a file'}",
            field="question",
            hint="linvt ask … -q 'What happens?', which leaves all others to be videos",
        )
    return tuple(inputs), last


def looks_like_file(text: str) -> bool:
    """Whether a text that names no file was rather meant as one than as a question."""
    return names_media(text) or _LIKE_A_FILE.fullmatch(text) is not None


def is_rather_a_word(text: str) -> bool:
    """Whether an argument that stands for videos is rather a word of a question, without quotes."""
    return text != STANDARD_INPUT and not os.path.lexists(text) and not looks_like_file(text)


def names_one_file(inputs: Sequence[str]) -> bool:
    """Whether the user named a single file, there or not: no folder, no pattern, no list."""
    if len(inputs) != 1 or inputs[0] == STANDARD_INPUT or os.path.isdir(inputs[0]):  # noqa: PTH112
        return False
    return os.path.lexists(inputs[0]) or next(files_like(inputs[0], Filter()), None) is None


def find_requests(
    inputs: Sequence[str],
    questions: Sequence[str],
    selection: Selection,
    left_out: Sequence[str] = (),
) -> list[VideoRequest]:
    """Return every video once, in the order in which the user named them, with its questions.

    What is no file comes out as it was named: that it is missing belongs to it alone.

    Args:
        inputs: files, folders and patterns.
        questions: for all videos whose row of a list has none of its own.
        selection: which of them are taken.
        left_out: files that are no video, whoever names them.

    Raises:
        ConfigError: if a video has no question.
        DatasetError: if a list makes no sense.
        VideoNotFoundError: if there is no video at all.
    """
    rows = (*_named(inputs, selection), *_listed(selection))
    gathered: dict[tuple[str, str | None, str | None], dict[Asked, None]] = {}
    for row in rows:
        if any(_are_same(row.video, file) for file in left_out):
            continue
        asked = gathered.setdefault((row.video, row.start, row.end), {})
        own = questions if row.question is None else (row.question,)
        if not own:
            raise ConfigError(
                f"No question about '{row.video}'", field="question", hint="-q 'What happens?'"
            )
        asked.update(dict.fromkeys(Asked(question, row.id) for question in own))
    if not gathered:
        raise VideoNotFoundError(
            f"There is no video in {_shown(inputs, selection)}",
            path=next(iter(inputs), ""),
            hint="names are matched by their endings, or by --include '*.EXT'",
        )
    requests = [
        VideoRequest(video, tuple(asked), start, end)
        for (video, start, end), asked in gathered.items()
    ]
    names = list(dict.fromkeys(request.video for request in requests))
    taken = set(take_shard(names[: selection.limit], selection.shard))
    return [request for request in requests if request.video in taken]


def _are_same(file: str, other: str) -> bool:
    if os.path.basename(file) != os.path.basename(other):  # noqa: PTH119 - spares most a look
        return False
    try:
        return os.path.samefile(file, other)  # noqa: PTH121 - Path() would fold 'http://'
    except (OSError, ValueError):
        return False


def _named(inputs: Iterable[str], selection: Selection) -> Iterator[ListRow]:
    for named in inputs:
        if named == STANDARD_INPUT:
            yield from _read(named, selection)
        elif os.path.isdir(named):  # noqa: PTH112
            yield from map(ListRow, files_in(named, selection.files))
        else:
            if os.path.lexists(named) or not is_pattern(named) or matches_nothing(named):
                yield from () if selection.files.leaves_out(named) else (ListRow(named),)
            else:
                yield from map(ListRow, files_like(named, selection.files))


def _listed(selection: Selection) -> Iterator[ListRow]:
    for source in selection.lists:
        yield from _read(source, selection)


def _read(source: str, selection: Selection) -> Iterator[ListRow]:
    for row in read_list(source, separated_by_nul=selection.separated_by_nul):
        if not selection.files.leaves_out(row.video):
            yield row


def _shown(inputs: Sequence[str], selection: Selection) -> str:
    return ", ".join(f"'{each}'" for each in (*inputs, *selection.lists))


def take_shard(videos: Sequence[Video], shard: str | None) -> list[Video]:
    """Return the part of one of several machines that share the work: every N-th video from I.

    Raises:
        ConfigError: if the shard is not I/N with I from 1 to N.
    """
    if shard is None:
        return list(videos)
    number, count = shard_numbers(shard)
    return list(videos[number - 1 :: count])


def shard_numbers(shard: str) -> tuple[int, int]:
    """Return which part of how many I/N is.

    Raises:
        ConfigError: if it is not I/N with I from 1 to N.
    """
    parts = _SHARD.fullmatch(shard)
    number, count = (int(parts[1]), int(parts[2])) if parts else (0, 0)
    if not 1 <= number <= count:
        raise ConfigError(
            f"'{shard}' is no shard. Expected I/N with I from 1 to N",
            field="shard",
            hint="--shard 1/3 on the first of three machines",
        )
    return number, count
