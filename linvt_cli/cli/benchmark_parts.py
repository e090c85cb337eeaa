"""A benchmark in parts: several processes ask, each about videos of its own, into one folder."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from linvt_cli.cli.inputs import shard_numbers, take_shard
from linvt_cli.cli.result_files import ResultFile, already_there, require_not_written
from linvt_cli.cli.row_formats import JsonLines, KeptRow
from linvt_cli.errors import MachineError
from linvt_cli.evaluation.items import Item

ANSWERS = "answers.jsonl"
_PARTS = "answers-*-of-{}.jsonl"


def answers_file(folder: Path, shard: str | None) -> Path:
    """Return where the answers of a run go: a file of its own for each part of N.

    Raises:
        ConfigError: if the shard is not I/N with I from 1 to N.
    """
    if shard is None:
        return folder / ANSWERS
    number, count = shard_numbers(shard)
    return folder / f"answers-{number}-of-{count}.jsonl"


def of_shard(items: Sequence[Item], shard: str | None) -> list[Item]:
    """Return the questions of one part: those about every N-th video from the I-th.

    Raises:
        ConfigError: if the shard is not I/N with I from 1 to N.
    """
    videos = set(take_shard(list(dict.fromkeys(str(item.video) for item in items)), shard))
    return [item for item in items if str(item.video) in videos]


def require_no_answers(folder: Path, shard: str | None) -> None:
    """Refuse a folder with answers, where nobody said that they are to be kept.

    Those of other parts of the same N may be there.

    Raises:
        ConfigError: if there are others.
    """
    answers = {folder / ANSWERS, *folder.glob(_PARTS.format("*"))}
    if shard is not None:
        answers -= {*folder.glob(_PARTS.format(shard_numbers(shard)[1]))}
    for path in sorted(answers):
        if path.exists() and path.stat().st_size:
            raise already_there(path)


def kept_answers(
    file: ResultFile, videos: Mapping[str, Path], *, retry_errors: bool
) -> list[KeptRow]:
    """Return the answers of earlier runs and of other parts, the ones that count last.

    Those about a video whose file has another size by now are dropped.

    Args:
        file: the open one of this run, which keeps no others of its own.
        videos: by the settings of the questions of this run; rows with others stay as they are.
        retry_errors: whether failures are dropped.

    Raises:
        ConfigError: if a part is still being asked, and this run asks all.
        DatasetError: if another file holds something else than rows.
        MachineError: if one cannot be read, or this one not be written.
    """
    sizes = _sizes(videos)

    def wanted(rows: Iterable[KeptRow]) -> list[KeptRow]:
        return [
            row
            for row in rows
            if (row.error is None or not retry_errors)
            and (row.size is None or sizes.get(row.settings, row.size) == row.size)
        ]

    own = wanted(file.rows)
    file.keep(own)
    # An answer counts rather than a failure.
    return sorted([*wanted(_of_others(file.path)), *own], key=lambda row: row.error is None)


def _sizes(videos: Mapping[str, Path]) -> dict[str, int]:
    """Return the bytes of the videos that are there, by the settings of questions about them."""
    of_video: dict[Path, int] = {}
    for video in {*videos.values()}:
        with suppress(OSError):
            status = video.stat()
            if stat.S_ISREG(status.st_mode):
                of_video[video] = status.st_size
    return {key: of_video[video] for key, video in videos.items() if video in of_video}


def _of_others(own: Path) -> Iterator[KeptRow]:
    """Read the answers that other runs have beside a file, finished or not."""
    folder = own.parent
    for path in sorted((folder / ANSWERS, *folder.glob(_PARTS.format("*")))):
        if path == own or not path.exists():
            continue
        if own.name == ANSWERS:  # what a part has not come to yet would be asked twice
            require_not_written(path)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise MachineError(
                f"'{path}' cannot be read: {error.strerror}", hint="see who may read it"
            ) from error
        yield from JsonLines().rows(content, str(path))
