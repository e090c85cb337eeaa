"""Fetches one file: goes on at the byte where it stood, retries, and hashes while writing."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from linvt_cli.errors import ConnectionLostError, HubUnavailableError, WrongBytesError
from linvt_cli.models.checksum import Hasher, pieces_of
from linvt_cli.models.patience import OnRetry, Patience

if TYPE_CHECKING:
    from linvt_cli.models.hub import Hub
    from linvt_cli.models.selection import RemoteFile, RepoListing

SYNC_EVERY = 16 << 20
"""Bytes between two moments at which what is written is forced onto the disk: so much, at most,
is fetched again after a power cut."""

_MEDDLING = "try again later; a proxy on the way to the hub may change what it sends"
_WORTH_A_RETRY = 1 << 20  # bytes: a connection that brought so much was a good one


@dataclass(frozen=True, slots=True)
class Transfer:
    """What it takes to fetch files of one repository.

    ``on_bytes`` is called with how many bytes were added to a file, or with a negative number where
    bytes had to be dropped; ``on_retry`` with the reason and the seconds to wait.
    """

    hub: Hub
    listing: RepoListing
    patience: Patience
    on_bytes: Callable[[int], None]
    on_retry: OnRetry

    def fetch(self, file: RemoteFile, part: Path) -> str:
        """Complete a part of a file and return its SHA-256.

        Args:
            file: what is fetched.
            part: where it is written. What is there is taken for its beginning. A part that turns
                out to be wrong is removed.

        Raises:
            WrongBytesError: if the server's bytes are not those that the listing promises.
            DownloadError: if they do not come.
            OSError: if they cannot be written.
        """
        inherited = part.exists()
        while True:
            try:
                return self._complete(file, part)
            except WrongBytesError as error:
                if not error.is_kept:  # what came before is as good as it was
                    raise
                self.on_bytes(-part.stat().st_size)
                part.unlink()
                # After a power cut, an earlier run's part may end in bytes that were never written.
                if not inherited:
                    raise
                inherited = False

    def _complete(self, file: RemoteFile, part: Path) -> str:
        with part.open("r+b" if part.exists() else "w+b") as opened:
            written = _Written(opened, part, file, self.on_bytes)
            failures = 0
            while written.size < file.size:
                before = written.size
                try:
                    self._receive(file, written)
                except (ConnectionLostError, HubUnavailableError) as error:
                    progressed = written.size - before >= _WORTH_A_RETRY
                    failures = 1 if progressed else failures + 1
                    self.patience.wait(failures, error, self.on_retry)
            written.sync()
        if not written.hasher.matches(file.checksum):
            raise WrongBytesError(
                f"What the server sends for '{file.path}' is not the file that the hub lists: its"
                " checksum differs",
                hint="do the same again later; if it stays so, do not use this repository",
                is_kept=True,
            )
        return written.hasher.sha256

    def _receive(self, file: RemoteFile, written: _Written) -> None:
        with self.hub.open(self.listing, file, written.size) as body:
            if body.start != written.size:
                if body.start:
                    raise WrongBytesError(
                        f"The server sends '{file.path}' from byte {body.start} on, where"
                        f" {written.size} was asked for",
                        hint=_MEDDLING,
                    )
                written.start_over()
            for piece in body.pieces:
                written.add(piece)
        if written.size < file.size:
            raise ConnectionLostError(
                f"The connection ended after {written.size:,} of {file.size:,} bytes of"
                f" '{file.path}'",
                hint="do the same again: it goes on where it stopped",
            )


class _Written:
    """The beginning of a file on disk, and the hash of it."""

    def __init__(
        self, opened: BinaryIO, part: Path, file: RemoteFile, on_bytes: Callable[[int], None]
    ) -> None:
        self._opened = opened
        self._file = file
        self._on_bytes = on_bytes
        self._synced = 0
        self.size = 0
        self.hasher = Hasher(file.size, file.checksum.kind)
        if part.stat().st_size > file.size:
            opened.truncate(0)
        for piece in pieces_of(part):
            self.hasher.update(piece)
            self.size += len(piece)
        opened.seek(self.size)

    def add(self, piece: bytes) -> None:
        """Append bytes; more than the file has are refused before they are written."""
        if self.size + len(piece) > self._file.size:
            raise WrongBytesError(
                f"The server sends more than the {self._file.size:,} bytes that"
                f" '{self._file.path}' should have",
                hint=_MEDDLING,
                is_kept=True,
            )
        self._opened.write(piece)
        self._opened.flush()  # to the system: what it has outlives this process
        self.hasher.update(piece)
        self.size += len(piece)
        self._on_bytes(len(piece))
        if self.size - self._synced >= SYNC_EVERY:
            self.sync()

    def start_over(self) -> None:
        """Drop all bytes."""
        self._on_bytes(-self.size)
        self._opened.seek(0)
        self._opened.truncate()
        self.size = self._synced = 0
        self.hasher = Hasher(self._file.size, self._file.checksum.kind)

    def sync(self) -> None:
        """Force what is written onto the disk."""
        os.fsync(self._opened.fileno())
        self._synced = self.size
