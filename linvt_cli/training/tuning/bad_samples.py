"""Samples that cannot be used: told, written down, skipped, up to a number of them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection
from pathlib import Path

from linvt_cli.errors import DatasetError
from linvt_cli.training.video_data.samples import BadSample

BAD_FILE = "bad.jsonl"


class BadSamples:
    """The bad samples of a run, each once, those that an earlier process wrote down too.

    Args:
        path: the file that they are written to, a JSON line for each.
        most: with one more, the run ends.
        on_bad: told each.
        files: of samples; what was bad in others, of another stage say, does not count. All count
            where left open.
    """

    def __init__(
        self,
        path: Path,
        *,
        most: int,
        on_bad: Callable[[BadSample], None],
        files: Collection[Path] | None = None,
    ) -> None:
        self._path = path
        self._most = most
        self._on_bad = on_bad
        names = None if files is None else {str(file) for file in files}
        self._places = {
            place for place in _read(path) if names is None or place.rpartition(":")[0] in names
        }
        self._new: list[str] = []  # of this process, which others have not heard of

    def __len__(self) -> int:
        """How many there are."""
        return len(self._places)

    def add(self, bad: BadSample) -> None:
        """Note a bad sample, unless it is noted already.

        Raises:
            DatasetError: if there are too many.
        """
        if bad.place not in self._places:
            self._places.add(bad.place)
            self._new.append(bad.place)
            self._write(bad)
            self._on_bad(bad)
        if len(self) > self._most:
            path, _, line = bad.place.rpartition(":")
            raise DatasetError(
                f"{self._too_many()}; the last, {bad.place}: {bad.reason}",
                path=path or bad.place,
                line=int(line) if line.isdecimal() else None,
                hint=self._hint(),
            )

    def exchange(self, gather: Callable[[list[str]], list[str]]) -> None:
        """Let all processes know the bad samples of each, so that all count the same ones.

        Args:
            gather: returns the lists of all processes, one after the other.

        Raises:
            DatasetError: if together there are too many.
        """
        new, self._new = self._new, []
        self._places.update(gather(new))
        if len(self) > self._most:
            raise DatasetError(self._too_many(), path=self._path, hint=self._hint())

    def _too_many(self) -> str:
        return f"{len(self)} samples are bad, and {self._most} are allowed"

    def _hint(self) -> str:
        return (
            f"bring back the videos that '{self._path}' lists and remove that file, or raise"
            " --max-bad; with other lines in the data, begin anew in another folder"
        )

    def _write(self, bad: BadSample) -> None:
        row = json.dumps({"place": bad.place, "reason": bad.reason})
        with self._path.open("a+b") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # a line that was cut off is not to swallow the next
                    row = f"\n{row}"
            file.write(f"{row}\n".encode())


def forget_bad(path: Path, files: Collection[Path]) -> None:
    """Take what was bad in some files out of the list, which goes where nothing is left of it."""
    if not path.exists():
        return
    names = {str(file) for file in files}
    lines = path.read_bytes().split(b"\n")
    kept = [line for line in lines if line and _place_of(line).rpartition(":")[0] not in names]
    if not kept:
        path.unlink()
    elif len(kept) < len(lines) - 1:
        path.write_bytes(b"".join(line + b"\n" for line in kept))


def _place_of(line: bytes) -> str:
    """Return where a bad sample stands, or nothing for a line that was cut off."""
    try:
        return str(json.loads(line)["place"])
    except (ValueError, KeyError, TypeError):
        return ""


def _read(path: Path) -> set[str]:
    """Return which places an earlier process has written down; a line cut off is none."""
    if not path.exists():
        return set()
    # Not splitlines: a reason may hold other ends of lines.
    return {place for line in path.read_bytes().split(b"\n") if (place := _place_of(line))}
