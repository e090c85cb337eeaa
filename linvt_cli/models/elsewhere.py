"""Where a file to pull may already be on this machine: beside the store's other commits, say."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from linvt_cli.models.checksum import Checksum, hash_file
from linvt_cli.models.kept import find_in_hub_cache, has_size
from linvt_cli.models.selection import RemoteFile
from linvt_cli.models.source import is_commit
from linvt_cli.models.store import Shelf


def find_elsewhere(repo: str, file: RemoteFile, shelf: Shelf, final: Path) -> Path | None:
    """Return a file that is likely the wanted one: whoever takes it over must hash it.

    The surest comes first: a file of another commit, one of the hub's own cache, and one that a
    pull of another commit had finished before it was interrupted. Of that one nothing is written
    down, and shards keep their size when they change, so it is hashed here.

    Args:
        repo: the repository.
        file: as the hub lists it.
        shelf: where the store keeps the repository.
        final: where the file is to be; what is there is no answer.
    """
    pulled = next(_in_other_commits(file, shelf, final), None)
    return pulled or find_in_hub_cache(repo, file) or next(_left_over(file, shelf, final), None)


def is_on_other_disk(path: Path, folder: Path) -> bool:
    """Whether a file is taken over into a folder by a copy, which takes room, and not by a link."""
    return path.stat().st_dev != folder.stat().st_dev


def _in_other_commits(file: RemoteFile, shelf: Shelf, final: Path) -> Iterator[Path]:
    for model in shelf.pulled():
        for other in model.manifest.files:
            place = model.folder / other.path
            if other.sha256 == file.checksum.hex and place != final and has_size(place, file.size):
                yield place


def _left_over(file: RemoteFile, shelf: Shelf, final: Path) -> Iterator[Path]:
    for folder in shelf.leftovers():
        place = folder / file.path
        is_candidate = is_commit(folder.name) and place != final and has_size(place, file.size)
        if is_candidate and _holds(place, file.checksum, place.stat().st_mtime_ns):
            yield place


@lru_cache
def _holds(place: Path, checksum: Checksum, changed: int) -> bool:
    """Whether a file that was last changed at some time is the one with a checksum."""
    del changed  # but for the cache: a pull looks twice
    return hash_file(place, checksum.kind).matches(checksum)
