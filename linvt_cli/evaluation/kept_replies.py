"""Replies of a judge that are kept, so that none is asked for twice."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from linvt_cli.errors import MachineError


class KeptReplies:
    """Replies of a judge in a file, a line of JSON each, so that none is asked for twice.

    Args:
        path: of the file; None keeps them in memory alone.

    Raises:
        MachineError: if the file cannot be read or written.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._replies: dict[str, dict[str, Any]] = {}
        if path is not None and path.exists():
            self._read(path)

    def _read(self, path: Path) -> None:
        try:
            # What a sudden end has torn may end within a letter.
            text = path.read_text(encoding="utf-8", errors="replace")
            if text and not text.endswith("\n"):
                _append(path, "\n")  # or the next reply would be torn too
        except OSError as error:
            raise _unusable(path, error) from error
        for line in text.split("\n"):
            try:
                kept = json.loads(line)
                self._replies[kept["key"]] = kept
            except (ValueError, KeyError, TypeError, RecursionError):
                continue

    def find(self, key: str) -> dict[str, Any] | None:
        """Return what was kept under a key."""
        with self._lock:
            return self._replies.get(key)

    def has_any_of(self, judge: str) -> bool:
        """Whether a reply of a judge was kept."""
        with self._lock:
            return any(kept.get("judge") == judge for kept in self._replies.values())

    def keep(self, key: str, reply: str, version: str, *, judge: str) -> None:
        """Keep a reply, with what its judge is called."""
        kept = {"key": key, "reply": reply, "version": version, "judge": judge}
        with self._lock:
            self._replies[key] = kept
            if self._path is not None:
                try:
                    _append(self._path, json.dumps(kept) + "\n")
                except OSError as error:
                    raise _unusable(self._path, error) from error


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def _unusable(path: Path, error: OSError) -> MachineError:
    return MachineError(
        f"'{path}', where replies of the judge are kept, cannot be used: {error.strerror}",
        hint="name another folder with --output",
    )


def key_of(judge: str, body: Mapping[str, Any]) -> str:
    """Return the key under which the reply of a judge to a request is kept."""
    return hashlib.sha256(json.dumps([judge, body], sort_keys=True).encode()).hexdigest()
