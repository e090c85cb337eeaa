"""Quantized copies in the store: made once, found at every later start. Imports nothing heavy.

They stand beside the pulled models, in folders of the same form (see ``store``), under the commit
of the original, or a fingerprint where the original is a folder of the user's.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from linvt_cli.config import Quantization
from linvt_cli.errors import DiskFullError
from linvt_cli.models.checksum import hash_file
from linvt_cli.models.manifest import Manifest, ManifestFile, write_manifest
from linvt_cli.models.source import LOCAL_OWNER, HubSource, is_commit
from linvt_cli.models.store import QUANTIZED, UNFINISHED, PulledModel, Shelf, Store
from linvt_cli.settings.folders import expanded
from linvt_cli.types import TEXT_FILES


@dataclass(frozen=True, slots=True)
class Original:
    """What a copy is made from: a repository at a commit, or a folder as it is now."""

    repo: str  # "owner/name"; the owner is LOCAL_OWNER where it is a folder
    version: str  # a commit, or a fingerprint that looks like one
    revision: str  # as the user asked for it: a branch, a tag or a commit; a folder's own word

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of the user's."""
        return self.repo.startswith(f"{LOCAL_OWNER}/")


def original_of(folder: Path, source: HubSource | None) -> Original:
    """Return what the files in a folder are.

    Args:
        folder: the files.
        source: the repository that they were asked for by, if they were.
    """
    if source is not None and is_commit(folder.name):
        return Original(source.repo, folder.name, source.revision)
    place = sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return Original(local_repo(folder), _fingerprint(folder), f"folder-{place}")


def local_repo(folder: Path) -> str:
    """Return what stands for the repository where a copy is made from a folder."""
    name = re.sub(r"[^A-Za-z0-9.]+|\.{2,}", "_", expanded(folder).resolve().name).strip("._")
    return f"{LOCAL_OWNER}/{name[:64] or 'folder'}"


def find_copy(store: Store, original: Original, quantization: Quantization) -> PulledModel | None:
    """Return the whole copy of an original, if it is in the store."""
    return _whole(store.quantized_shelf(original.repo, quantization), original.version)


def find_copy_of(store: Store, source: HubSource, quantization: Quantization) -> PulledModel | None:
    """Return the last whole copy of a repository at a revision, whose files may be gone."""
    return _whole(store.quantized_shelf(source.repo, quantization), source.revision)


def find_any_copy(store: Store, source: HubSource) -> Path | None:
    """Return the folder of a repository's copy, whichever there is: all are of the same model."""
    found = (find_copy_of(store, source, quantization) for quantization in QUANTIZED)
    return next((copied.folder for copied in found if copied is not None), None)


def bits_that_serve(choice: str) -> tuple[Quantization, ...]:
    """Return in how many bits a copy is what a choice asks for, the most first; any for ``auto``.

    Args:
        choice: the quantization as the user chose it.
    """
    return tuple(bits for bits in QUANTIZED if choice in ("auto", bits))


def make_copy(
    store: Store,
    original: Original,
    quantization: Quantization,
    write: Callable[[Path], None],
    *,
    needed: int,
    on_wait: Callable[[], None],
) -> PulledModel:
    """Put a copy into the store, or return the one that is there. It appears whole or not at all.

    Args:
        store: where it goes.
        original: what it is made from.
        quantization: int8 or nf4.
        write: writes the files into an empty folder.
        needed: bytes that it will take, about.
        on_wait: called once if another process is making one of the same repository.

    Raises:
        DiskFullError: if there is no room for it.
        StoreError: if it cannot be written.
        LinVTError: as ``write`` does.
    """
    shelf = store.quantized_shelf(original.repo, quantization)
    with store.failures_translated(), shelf.locked(on_wait):
        found = _whole(shelf, original.version)
        if found is not None:
            return found
        shelf.remove(original.version)
        shelf.remove_leftovers()
        if (free := store.free_bytes()) < needed:
            raise DiskFullError(
                f"A copy of '{original.repo}' in {quantization} takes about {needed:,} bytes, and"
                f" the disk of '{store.root}' has {free:,} free",
                needed=needed,
                free=free,
                hint="make room, for example by 'linvt models remove NAME', or set LINVT_HOME",
            )
        made = _make(shelf, original, quantization, write)
        if original.is_folder:
            _remove_older(shelf, original)
        return made


def _remove_older(shelf: Shelf, original: Original) -> None:
    """Remove the copies of a folder as it was before: nothing can be made the same again."""
    for model in shelf.pulled():
        if model.manifest.commit != original.version and (
            original.revision in model.manifest.revisions
        ):
            shelf.remove(model.manifest.commit)


def _make(
    shelf: Shelf, original: Original, quantization: Quantization, write: Callable[[Path], None]
) -> PulledModel:
    unfinished = shelf.folder / UNFINISHED
    unfinished.mkdir(parents=True)
    try:
        write(unfinished)
        files = tuple(_hashed(path) for path in sorted(unfinished.iterdir()))
        unfinished.rename(shelf.snapshot(original.version))
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    manifest = Manifest(
        repo=original.repo,
        commit=original.version,
        revisions=(original.revision,),
        endpoint="",
        pulled=datetime.now(UTC).isoformat(timespec="microseconds"),
        files=files,
        quantization=quantization,
    )
    write_manifest(shelf.manifest_path(original.version), manifest)
    return PulledModel(manifest, shelf.snapshot(original.version), last_used=None)


def _hashed(path: Path) -> ManifestFile:
    with path.open("rb+") as file:  # Windows forces onto the disk what may be written alone
        os.fsync(file.fileno())
    return ManifestFile(path.name, path.stat().st_size, hash_file(path).sha256)


def _whole(shelf: Shelf, revision: str) -> PulledModel | None:
    found = shelf.find(revision)
    return None if found is None or found.missing() else found


def _fingerprint(folder: Path) -> str:
    """Return forty hex digits that change when a file of a folder is changed, without reading it.

    Configuration and tokenizer are small, and read: copying a folder keeps no times.
    """
    digest = sha256(str(folder.resolve()).encode())
    for path in sorted(folder.glob("*.safetensors")):
        facts = path.stat()
        digest.update(f"{path.name}/{facts.st_size}/{facts.st_mtime_ns}/".encode())
    for pattern in TEXT_FILES:
        for path in sorted(folder.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:40]
