"""The store: one folder with all pulled models, and their quantized copies. Imports nothing heavy.

LINVT_HOME/models/hub/owner--name/
    <commit>/         the files, each under its own name only once its hash is checked
    <commit>.json     the manifest, written last: without it the model is incomplete
    <commit>.used     its time is that of the last use
    parts/            files on their way, named by their checksums, so that any run goes on
    .lock             held while one process writes here
LINVT_HOME/models/quantized/owner--name--nf4/
    the same, but parts: what was made here is not fetched in parts
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from linvt_cli.config import Quantization
from linvt_cli.errors import (
    DamagedFilesError,
    DiskFullError,
    LinVTError,
    StoreError,
    StoreNotWritableError,
)
from linvt_cli.models.kept import has_size
from linvt_cli.models.manifest import Manifest, read_manifest
from linvt_cli.models.source import HubSource, is_commit
from linvt_cli.settings.folders import user_folder

QUANTIZED: tuple[Quantization, ...] = ("int8", "nf4")
"""In how many bits there are copies, the most first."""

UNFINISHED = "making"
"""Folder of a copy that is being written."""

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR}


@dataclass(frozen=True, slots=True)
class PulledModel:
    """A complete model in the store."""

    manifest: Manifest
    folder: Path  # of the files
    last_used: float | None  # seconds since 1970

    def missing(self) -> list[str]:
        """Return the files that are not there or have another size; no hash is computed."""
        files = self.manifest.files
        return [file.path for file in files if not has_size(self.folder / file.path, file.size)]

    def note_use(self) -> None:
        """Remember that the model was used now; a store that cannot be written stays as it is."""
        with suppress(OSError):
            self._stamp.touch()

    @property
    def _stamp(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.used")


class Shelf:
    """The place of one repository in the store.

    Args:
        folder: of the repository; it need not be there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts = folder / "parts"

    def snapshot(self, commit: str) -> Path:
        """Return the folder of the files of a commit, there or not."""
        return self.folder / commit

    def manifest_path(self, commit: str) -> Path:
        """Return the path of the manifest of a commit, there or not."""
        return self.folder / f"{commit}.json"

    def pulled(self) -> list[PulledModel]:
        """Return all complete models here, the last pulled first."""
        found = [self._load(path) for path in self.folder.glob("*.json")]
        models = [model for model in found if model is not None]
        return sorted(models, key=lambda model: model.manifest.pulled, reverse=True)

    def find(self, revision: str) -> PulledModel | None:
        """Return the model of a commit, or the last one pulled for a branch or tag."""
        for model in self.pulled():
            if revision == model.manifest.commit or revision in model.manifest.revisions:
                return model
        return None

    def remove(self, commit: str) -> int:
        """Remove a model and return how many bytes that frees.

        Manifest first: what is interrupted leaves an incomplete model, not a broken one.
        """
        self.manifest_path(commit).unlink(missing_ok=True)
        self.folder.joinpath(f"{commit}.used").unlink(missing_ok=True)
        freed = size_of(self.snapshot(commit))
        shutil.rmtree(self.snapshot(commit), ignore_errors=True)
        return freed

    def leftovers(self) -> list[Path]:
        """Return parts of files, and folders of files without a manifest.

        What linvt did not make stays: the store may share its place with a cache of other tools.
        """
        folders = [path for path in self.folder.glob("*") if path.is_dir()]
        return [path for path in folders if self._is_leftover(path.name)]

    def _is_leftover(self, name: str) -> bool:
        if is_commit(name):
            return not self.manifest_path(name).exists()
        return name in (self.parts.name, UNFINISHED)

    def remove_leftovers(self) -> int:
        """Remove them and return how many bytes that frees."""
        freed = 0
        for folder in self.leftovers():
            freed += size_of(folder)
            shutil.rmtree(folder, ignore_errors=True)
        return freed

    @contextmanager
    def locked(self, on_wait: Callable[[], None]) -> Iterator[None]:
        """Be the only process that writes here. The system frees the lock of a killed process.

        Args:
            on_wait: called once if another process holds the lock; what it raises ends the wait.
        """
        from filelock import FileLock, Timeout

        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            on_wait()
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _load(self, path: Path) -> PulledModel | None:
        try:
            manifest = read_manifest(path)
        except (DamagedFilesError, FileNotFoundError):
            return None
        folder = self.snapshot(manifest.commit)
        if path.stem != manifest.commit or not folder.is_dir():
            return None
        stamp = path.with_suffix(".used")
        return PulledModel(manifest, folder, stamp.stat().st_mtime if stamp.exists() else None)


class Store:
    """All pulled models.

    Args:
        root: folder of the store; where left out, the one of this user.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = default_root() if root is None else root

    def shelf(self, repo: str) -> Shelf:
        """Return the place of a repository."""
        return Shelf(self.root / "hub" / repo.replace("/", "--"))

    def quantized_shelf(self, repo: str, quantization: Quantization) -> Shelf:
        """Return the place of a repository's quantized copies."""
        return Shelf(self.root / "quantized" / f"{repo.replace('/', '--')}--{quantization}")

    def quantized_shelves(self, repo: str) -> list[Shelf]:
        """Return the places of all of them that are there."""
        return [
            shelf
            for quantization in QUANTIZED
            if (shelf := self.quantized_shelf(repo, quantization)).folder.is_dir()
        ]

    def shelves(self) -> list[Shelf]:
        """Return all places, in the order of their names: as published, then quantized."""
        return [
            Shelf(folder)
            for kind in ("hub", "quantized")
            for folder in sorted((self.root / kind).glob("*--*"))
            if folder.is_dir()
        ]

    def pulled(self) -> list[PulledModel]:
        """Return all complete models, by repository, the last pulled first."""
        return [model for shelf in self.shelves() for model in shelf.pulled()]

    def find(self, source: HubSource) -> PulledModel | None:
        """Return the complete model of a source, if it is here."""
        return self.shelf(source.repo).find(source.revision)

    def free_bytes(self) -> int:
        """Return how much room the disk has that the store is or would be on."""
        place = self.root
        while not place.exists():
            place = place.parent
        return shutil.disk_usage(place).free

    @contextmanager
    def failures_translated(self) -> Iterator[None]:
        """Turn what the file system refuses inside the block into one of our errors.

        Raises:
            DiskFullError: if the disk is full.
            StoreNotWritableError: if nothing can be written.
            StoreError: if something else fails.
        """
        try:
            yield
        except LinVTError:
            raise
        except OSError as error:
            raise self._translated(error) from error

    def _translated(self, error: OSError) -> StoreError:
        reason = error.strerror or type(error).__name__
        if error.errno in _FULL:
            return DiskFullError(
                f"The disk of '{self.root}' is full",
                free=self.free_bytes(),
                hint="make room, for example by 'linvt models remove NAME', or set LINVT_HOME; then"
                " do the same again",
            )
        if error.errno in _FORBIDDEN:
            return StoreNotWritableError(
                f"Nothing can be written to '{self.root}' ({reason})",
                hint="set LINVT_HOME to a folder of your own",
            )
        return StoreError(
            f"The store in '{self.root}' fails ({reason})",
            hint="set LINVT_HOME to another folder, or: linvt models verify",
        )


def default_root() -> Path:
    """Return where the store of this user is: below ``LINVT_HOME``, or where the system says."""
    return user_folder("data") / "models"


def size_of(folder: Path) -> int:
    """Return how many bytes the files in a folder have."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
