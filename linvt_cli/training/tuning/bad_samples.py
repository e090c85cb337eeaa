"""Samples that cannot be used: told, written down, skipped, up to a number of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from linvt_cli.errors import DatasetError
from linvt_cli.training.video_data.samples import BadSample

BAD_FILE = "bad.jsonl"


class BadSamples:
    """The bad samples of a run, each once.

    Args:
        path: the file that they are written to, a JSON line for each.
        most: with one more, the run ends.
        on_bad: told each.
    """

    def __init__(self, path: Path, *, most: int, on_bad: Callable[[BadSample], None]) -> None:
        self._path = path
        self._most = most
        self._on_bad = on_bad
        self._reasons: dict[str, str] = {}
        self._written = _read(path)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._reasons)

    def add(self, bad: BadSample) -> None:
        """Note a bad sample, unless it is noted already.

        Raises:
            DatasetError: if there are too many.
        """
        if bad.place in self._reasons:
            return
        self._reasons[bad.place] = bad.reason
        if bad.place not in self._written:
            with self._path.open("a", encoding="utf-8") as file:
                row = {"place": bad.place, "reason": bad.reason}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._on_bad(bad)
        if len(self) > self._most:
            path, _, line = bad.place.rpartition(":")
            raise DatasetError(
                f"{len(self)} samples are bad, and {self._most} are allowed; the last,"
                f" {bad.place}: {bad.reason}",
                path=path or bad.place,
                line=int(line) if line.isdecimal() else None,
                hint=f"mend what '{self._path}' lists, or raise --max-bad",
            )


def _read(path: Path) -> set[str]:
    """Return which places an earlier process has written down; a line cut off is none."""
    if not path.exists():
        return set()
    places = set()
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            places.add(json.loads(line)["place"])
        except (ValueError, KeyError, TypeError):
            continue
    return places
