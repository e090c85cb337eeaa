"""Training files that ``linvt data`` writes: whole ones, or none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linvt_cli.cli.failures import ExitCode
from linvt_cli.cli.output import Output, json_text
from linvt_cli.cli.output_files import replace_file, require_new, write_errors_translated
from linvt_cli.cli.sizes import count_text
from linvt_cli.errors import ConfigError, DatasetError, MachineError
from linvt_cli.training.video_data.conversion import Converted, Converter, VideoMissing
from linvt_cli.training.video_data.format_names import FormatName
from linvt_cli.training.video_data.formats import FORMATS
from linvt_cli.training.video_data.samples import BadSample

if TYPE_CHECKING:
    from linvt_cli.training.video_data.world import WorldData

_MAX_TOLD = 5
_SHOW_EVERY = 1000  # entries: drawing each would take longer than reading it


def new_file(
    path: Path, *, overwrite: bool, makes_folder: bool = False, not_over: Path | None = None
) -> Path:
    """Return where a training file goes.

    Args:
        path: of the file.
        overwrite: whether a file may be there.
        makes_folder: whether its folder need not be there.
        not_over: a file that is read, so that it cannot be written.

    Raises:
        ConfigError: if it cannot go there.
        MachineError: if its name is too long, or it is where this user may not look.
    """
    with write_errors_translated(path):
        if not makes_folder and not path.parent.is_dir():
            raise ConfigError(
                f"There is no folder '{path.parent}'",
                field="output",
                hint="make it first, or name another place",
            )
        if path.exists():
            if not_over is not None and not_over.exists() and path.samefile(not_over):
                raise ConfigError(
                    f"'{path}' is the file to read", field="output", hint="name another file"
                )
            require_new(path, overwrite=overwrite)
    return path


def folder_of_videos(path: Path | None) -> Path | None:
    """Return the folder that was named, if one was.

    Raises:
        ConfigError: if it is not there.
    """
    if path is not None and not os.path.isdir(path):  # noqa: PTH112 - no error where one may not look
        raise ConfigError(
            f"There is no folder '{path}'", field="videos", hint="check the spelling of --videos"
        )
    return path


class Conversion:
    """Counts what becomes of the entries of a file, and tells of the first ones that are bad.

    Args:
        videos: folder in which videos are looked for.
        output: where it is told.
    """

    def __init__(self, videos: Path | None, output: Output) -> None:
        self.num_entries = 0
        self.num_samples = 0
        self.num_bad = 0
        self.num_missing = 0
        self._videos = videos
        self._output = output

    def __str__(self) -> str:
        entries = count_text(self.num_entries, "entry", "entries")
        parts = [f"{count_text(self.num_samples, 'sample')} from {entries}"]
        if self.num_missing:
            parts.append(f"{self.num_missing:,} without their video")
        if self.num_bad:
            parts.append(f"{self.num_bad:,} bad")
        return ", ".join(parts)

    def count(self, outcome: Converted | VideoMissing | BadSample) -> None:
        """Count an entry."""
        self.num_entries += 1
        match outcome:
            case Converted():
                self.num_samples += 1
            case VideoMissing(place, name):
                self.num_missing += 1
                if self.num_missing == 1:
                    self._output.warning(
                        f"{place}: there is no '{name}' in '{self._videos}'; others may lack too"
                    )
            case BadSample(place, reason):
                self.num_bad += 1
                if self.num_bad <= _MAX_TOLD:
                    self._output.warning(f"{place}: {reason}")


def converted_file(
    form: FormatName,
    published: Path,
    file: Path,
    *,
    videos: Path | None,
    source: str | None,
    limit: int | None,
    output: Output,
) -> ExitCode:
    """Write a training file from a file of a public data set; return how the command ends.

    Raises:
        ConfigError: if the published file cannot be read.
        DatasetError: if it is damaged, or no sample comes of it; then nothing is written.
        MachineError: if the training file cannot be written.
    """
    done = Conversion(videos, output)
    converter = Converter(FORMATS[form], videos=videos, file=file, source=source)
    with output.progress(f"Reading {published}") as show:
        outcomes = converter.convert(published)
        _write_rows(file, _rows(outcomes, published, done, limit, show))
    output.notice(str(done))
    return ExitCode.SOME_FAILED if done.num_bad else ExitCode.DONE


def _rows(
    outcomes: Iterator[Converted | VideoMissing | BadSample],
    published: Path,
    done: Conversion,
    limit: int | None,
    show: Callable[[str], None],
) -> Iterator[Mapping[str, Any]]:
    for outcome in outcomes:
        done.count(outcome)
        if done.num_entries % _SHOW_EVERY == 0:
            show(f"Reading {published}: {done}")
        if isinstance(outcome, Converted):
            yield outcome.row
            if done.num_samples == limit:
                return
    if not done.num_samples:
        raise DatasetError(
            f"No sample comes of '{published}': {done}",
            path=published,
            hint="check FORMAT and, with --videos, the folder",
        )


def world_file(file: Path, data: WorldData, redraw: bool, output: Output) -> None:
    """Write clips of nano's world below the folder of a file, and the file in the end.

    Raises:
        MachineError: if the file cannot be written.
        VideoError: if a clip cannot be written.
    """
    from linvt_cli.training.video_data.world import write_world

    written = write_world(file.parent, data, redraw=redraw)
    with output.bar(data.num_clips) as show:
        num_questions = _write_rows(file, _rows_of_clips(written, show))
    clips = count_text(data.num_clips, "clip")
    output.notice(f"{count_text(num_questions, 'question')} about {clips}")


def _rows_of_clips(
    written: Iterator[list[dict[str, Any]]], show: Callable[[int, str], None] | None
) -> Iterator[Mapping[str, Any]]:
    for done, about_clip in enumerate(written, start=1):
        yield from about_clip
        if show is not None:
            show(done, "clips")


def _write_rows(file: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write a file of rows, whole or not at all; return how many they are."""
    count = 0

    def write(new: Path) -> None:
        nonlocal count
        with new.open("w", encoding="utf-8", newline="\n") as lines:
            for row in rows:
                lines.write(f"{json_text(row)}\n")
                count += 1

    try:
        replace_file(file, write)
    except OSError as error:
        raise MachineError(
            f"'{file}' cannot be written: {error.strerror or error}", hint="name another file"
        ) from error
    return count
