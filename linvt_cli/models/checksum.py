"""Checksums of files: the two kinds that the hub publishes, computed while bytes pass by."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ChecksumKind = Literal["sha256", "git"]

_HEX_DIGITS = {"sha256": 64, "git": 40}
_READ_SIZE = 1 << 20


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the hub says of a file's bytes.

    Large files have their SHA-256. Small ones have git's: SHA-1 of a header with the size, then the
    bytes.
    """

    kind: ChecksumKind
    hex: str

    def __post_init__(self) -> None:
        """Refuse what is no checksum: it becomes part of a file name."""
        if not re.fullmatch(rf"[0-9a-f]{{{_HEX_DIGITS[self.kind]}}}", self.hex):
            raise ValueError(f"'{self.hex}' is no {self.kind} checksum")


class Hasher:
    """The SHA-256 of a file whose bytes arrive piece by piece, and git's checksum where wanted.

    Args:
        size: of the whole file, in bytes.
        kind: of the checksum that it will be compared with.
    """

    def __init__(self, size: int, kind: ChecksumKind = "sha256") -> None:
        self._sha256 = hashlib.sha256()
        self._git = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
        self._hash_git = kind == "git"

    def update(self, piece: bytes) -> None:
        """Take the next bytes."""
        self._sha256.update(piece)
        if self._hash_git:
            self._git.update(piece)

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes so far."""
        return self._sha256.hexdigest()

    def matches(self, checksum: Checksum) -> bool:
        """Whether the bytes are those of a checksum of the kind that was named."""
        found = self.sha256 if checksum.kind == "sha256" else self._git.hexdigest()
        return found == checksum.hex


def hash_file(path: Path, kind: ChecksumKind = "sha256") -> Hasher:
    """Return the checksums of a file; ``kind`` is that of ``Hasher``.

    Raises:
        OSError: if it cannot be read.
    """
    hasher = Hasher(path.stat().st_size, kind)
    for piece in pieces_of(path):
        hasher.update(piece)
    return hasher


def pieces_of(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes, a piece at a time."""
    with path.open("rb") as file:
        while piece := file.read(_READ_SIZE):
            yield piece
