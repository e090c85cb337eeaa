"""Pulls a model: from the hub, or from files that are already on this machine, into the store."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from linvt_cli.errors import (
    ConnectionLostError,
    DiskFullError,
    HubUnavailableError,
    UnsafeFilesError,
)
from linvt_cli.models.checksum import hash_file
from linvt_cli.models.elsewhere import find_elsewhere, is_on_other_disk
from linvt_cli.models.hub import Hub
from linvt_cli.models.kept import has_size, link_or_copy, wrong_files
from linvt_cli.models.manifest import Manifest, ManifestFile, write_manifest
from linvt_cli.models.patience import Patience
from linvt_cli.models.safety import read_json, require_safe_content, shards_of
from linvt_cli.models.selection import (
    RemoteFile,
    RepoListing,
    require_modest_listing,
    select_files,
)
from linvt_cli.models.source import HubSource
from linvt_cli.models.store import PulledModel, Shelf, Store
from linvt_cli.models.transfer import Transfer
from linvt_cli.types import WEIGHTS_INDEX

_LISTING_ATTEMPTS = 3  # a machine without a network should say so soon


@dataclass(frozen=True, slots=True)
class PullPlan:
    """What a pull is about to do. All sizes are bytes."""

    source: HubSource
    commit: str
    endpoint: str
    num_files: int
    size: int  # of all files
    here: int  # of them, on this machine already
    free: int  # on the disk of the store
    to_copy: int = 0  # of those here, on another disk: they take room on this one

    @property
    def to_fetch(self) -> int:
        """Bytes that will come over the network."""
        return self.size - self.here

    @property
    def needed(self) -> int:
        """Bytes that the disk of the store must have free."""
        return self.to_fetch + self.to_copy


class PullWatcher(Protocol):
    """Whoever wants to know how a pull goes on."""

    def waiting(self) -> None:
        """Another process is pulling the same repository; this one waits for it."""

    def planned(self, plan: PullPlan) -> None:
        """It is known what will be fetched. May raise to stop before anything is."""

    def advanced(self, num_bytes: int) -> None:
        """So many more bytes are here; fewer where the number is negative."""

    def retrying(self, reason: str, seconds: float) -> None:
        """Something failed that may pass; it is tried again after some seconds."""


def pull(
    source: HubSource,
    *,
    store: Store,
    watcher: PullWatcher,
    hub: Hub | None = None,
    patience: Patience | None = None,
    verify: bool = False,
) -> PulledModel:
    """Pull a model, going on with what earlier runs left.

    Args:
        source: which one.
        store: where it goes.
        watcher: told how it goes on.
        hub: where it comes from; the usual one where left out.
        patience: with failures that may pass.
        verify: hash files that are here already, and fetch the wrong ones again.

    Raises:
        DownloadError: if something cannot be fetched.
        UnsafeFilesError: if the repository holds something that no honest model needs.
        StoreError: if it cannot be written.
    """
    shelf = store.shelf(source.repo)
    with store.failures_translated(), shelf.locked(watcher.waiting):
        if source.is_pinned and not verify:
            found = shelf.find(source.revision)
            if found is not None and not found.missing():
                return found
        shelf.parts.mkdir(exist_ok=True)
        run = _Pull(source, store, shelf, watcher, hub or Hub(), patience or Patience())
        return run.pull(verify=verify)


@dataclass(frozen=True, slots=True)
class _Pull:
    """One run, while the shelf is locked."""

    source: HubSource
    store: Store
    shelf: Shelf
    watcher: PullWatcher
    hub: Hub
    patience: Patience

    def pull(self, *, verify: bool) -> PulledModel:
        listing = self._list_files()
        folder = self.shelf.snapshot(listing.commit)
        require_modest_listing(listing)
        hashed = {} if verify else self._hashed(listing.commit)
        shards = self._shards(listing, folder, hashed)
        files = select_files(listing, shards)
        wrong = wrong_files(files, folder, hashed)
        plan = self._plan(listing, files, folder, wrong)
        self.watcher.planned(plan)
        self._require_room(plan)
        transfer = Transfer(
            self.hub, listing, self.patience, self.watcher.advanced, self.watcher.retrying
        )
        pulled = tuple(self._obtain(transfer, file, folder, wrong) for file in files)
        return self._finish(listing, pulled)

    def _list_files(self) -> RepoListing:
        patience = replace(self.patience, attempts=min(_LISTING_ATTEMPTS, self.patience.attempts))
        failures = 0
        while True:
            try:
                return self.hub.list_files(self.source)
            except (ConnectionLostError, HubUnavailableError) as error:
                failures += 1
                patience.wait(failures, error, self.watcher.retrying)

    def _hashed(self, commit: str) -> dict[str, str]:
        """Return the SHA-256 of the files of a commit, by path, where all of them are here."""
        model = self.shelf.find(commit)
        if model is None:
            return {}
        return {file.path: file.sha256 for file in model.manifest.files}

    def _shards(
        self, listing: RepoListing, folder: Path, hashed: Mapping[str, str]
    ) -> frozenset[str] | None:
        if listing.index is None:
            return None
        wrong = wrong_files((listing.index,), folder, hashed)
        # Fetched unseen: the plan that progress is measured by is made from it.
        unseen = Transfer(self.hub, listing, self.patience, lambda _: None, self.watcher.retrying)
        self._obtain(unseen, listing.index, folder, wrong)
        index = read_json(folder / WEIGHTS_INDEX, name=WEIGHTS_INDEX)
        return shards_of(index, name=WEIGHTS_INDEX)

    def _plan(
        self,
        listing: RepoListing,
        files: tuple[RemoteFile, ...],
        folder: Path,
        wrong: frozenset[str],
    ) -> PullPlan:
        here = [self._bytes_here(file, folder, wrong) for file in files]
        return PullPlan(
            source=self.source,
            commit=listing.commit,
            endpoint=self.hub.endpoint,
            num_files=len(files),
            size=sum(file.size for file in files),
            here=sum(num_bytes for num_bytes, _ in here),
            free=self.store.free_bytes(),
            to_copy=sum(to_copy for _, to_copy in here),
        )

    def _bytes_here(self, file: RemoteFile, folder: Path, wrong: frozenset[str]) -> tuple[int, int]:
        """Return how many bytes of a file are on this machine, and how many are to be copied."""
        final = folder / file.path
        if file.path not in wrong and has_size(final, file.size):
            return file.size, 0
        if (found := self._elsewhere(file, final)) is not None:
            is_copied = is_on_other_disk(found, self.shelf.folder)
            return file.size, file.size if is_copied else 0
        part = self._part(file)
        return min(part.stat().st_size, file.size) if part.exists() else 0, 0

    def _require_room(self, plan: PullPlan) -> None:
        if plan.needed > plan.free:
            raise DiskFullError(
                f"'{plan.source.repo}' needs {plan.needed:,} more bytes, and the disk of"
                f" '{self.store.root}' has {plan.free:,} free",
                needed=plan.needed,
                free=plan.free,
                hint="make room, for example by 'linvt models remove NAME', or set LINVT_HOME to a"
                " folder elsewhere",
            )

    def _obtain(
        self, transfer: Transfer, file: RemoteFile, folder: Path, wrong: frozenset[str]
    ) -> ManifestFile:
        """Bring one file under its final name, from the nearest place where it is."""
        final = folder / file.path
        if file.path not in wrong and has_size(final, file.size):
            known = file.checksum.kind == "sha256"
            sha256 = file.checksum.hex if known else hash_file(final).sha256
            return ManifestFile(file.path, file.size, sha256)
        final.parent.mkdir(parents=True, exist_ok=True)
        part = self._part(file)
        taken = part.with_suffix(".taken")
        found = self._take_over(transfer, file, final, taken)
        ready, sha256 = (taken, found) if found else (part, transfer.fetch(file, part))
        try:
            require_safe_content(file.path, ready)
        except UnsafeFilesError:
            ready.unlink()
            raise
        ready.replace(final)
        part.unlink(missing_ok=True)
        _sync_folder(final.parent)
        return ManifestFile(file.path, file.size, sha256)

    def _take_over(
        self, transfer: Transfer, file: RemoteFile, final: Path, taken: Path
    ) -> str | None:
        """Take a file that is on this machine already and return its SHA-256 if it is the one."""
        found = self._elsewhere(file, final)
        if found is None:
            return None
        # Never written to from here on: it may be one with the file of another tool.
        try:
            link_or_copy(found, taken)
        except OSError:
            taken.unlink(missing_ok=True)
            raise
        hasher = hash_file(taken, file.checksum.kind)
        if hasher.matches(file.checksum):
            return hasher.sha256
        taken.unlink()
        transfer.on_bytes(-file.size)  # the plan counted on it
        return None

    def _elsewhere(self, file: RemoteFile, final: Path) -> Path | None:
        return find_elsewhere(self.source.repo, file, self.shelf, final)

    def _part(self, file: RemoteFile) -> Path:
        return self.shelf.parts / f"{file.checksum.hex}.part"

    def _finish(self, listing: RepoListing, files: tuple[ManifestFile, ...]) -> PulledModel:
        asked = self.source.revision
        before = self.shelf.find(listing.commit)
        names = () if before is None else before.manifest.revisions
        manifest = Manifest(
            repo=self.source.repo,
            commit=listing.commit,
            revisions=(*(name for name in names if name != asked), asked),
            endpoint=self.hub.endpoint,
            pulled=datetime.now(UTC).isoformat(timespec="microseconds"),
            files=files,
        )
        write_manifest(self.shelf.manifest_path(listing.commit), manifest)
        self._move_name(asked, listing.commit)
        _sync_folder(self.shelf.folder)
        with suppress(OSError):  # parts of other commits stay for their own pulls
            self.shelf.parts.rmdir()
        return PulledModel(manifest, self.shelf.snapshot(listing.commit), last_used=None)

    def _move_name(self, name: str, commit: str) -> None:
        """Take the name of a branch from the commits that it stood for before."""
        for model in self.shelf.pulled():
            manifest = model.manifest
            if manifest.commit != commit and name in manifest.revisions:
                left = tuple(other for other in manifest.revisions if other != name)
                path = self.shelf.manifest_path(manifest.commit)
                write_manifest(path, replace(manifest, revisions=left))


def _sync_folder(folder: Path) -> None:
    """Make names in a folder survive a power cut, where the system can."""
    if os.name == "nt":
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
