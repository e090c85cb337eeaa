"""Compares a pulled model with its manifest, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from linvt_cli.models.checksum import Hasher, pieces_of
from linvt_cli.models.manifest import ManifestFile
from linvt_cli.models.store import PulledModel


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one file."""

    path: str  # inside the repository
    what: str


def verify(model: PulledModel, on_bytes: Callable[[int], None] = lambda _: None) -> list[Fault]:
    """Hash all files of a model again and return what is wrong.

    Args:
        model: which one.
        on_bytes: called with how many more bytes are done.
    """
    found = ((file.path, _fault(model, file, on_bytes)) for file in model.manifest.files)
    return [Fault(path, what) for path, what in found if what is not None]


def _fault(model: PulledModel, file: ManifestFile, on_bytes: Callable[[int], None]) -> str | None:
    path = model.folder / file.path
    if not path.is_file():
        return "is missing"
    size = path.stat().st_size
    if size != file.size:
        return f"has {size:,} bytes instead of {file.size:,}"
    hasher = Hasher(size)
    try:
        for piece in pieces_of(path):
            hasher.update(piece)
            on_bytes(len(piece))
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None if hasher.sha256 == file.sha256 else "has other bytes than were pulled"
