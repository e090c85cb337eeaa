"""Finds what nobody needs in the store, and removes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from linvt_cli.errors import StoreError
from linvt_cli.models.manifest import Manifest
from linvt_cli.models.store import PulledModel, Shelf, Store, size_of

_DAY = 86_400.0  # seconds


@dataclass(frozen=True, slots=True)
class Removal:
    """Something that can go."""

    shelf: Shelf
    why: str
    size: int  # bytes
    model: Manifest | None  # None for what interrupted pulls left

    def carry_out(self) -> None:
        """Remove it.

        Raises:
            StoreError: if another process is just pulling there.
            OSError: if it cannot be removed.
        """
        with self.shelf.locked(self._give_up):
            if self.model is None:
                self.shelf.remove_leftovers()
            else:
                self.shelf.remove(self.model.commit)

    def _give_up(self) -> None:
        raise StoreError(
            f"Another linvt is just pulling into '{self.shelf.folder}'", hint="do the same later"
        )


def removals(store: Store, *, unused_days: float | None, now: float) -> Iterator[Removal]:
    """Yield what can go: parts of files, commits that a branch left, and what is not used.

    Args:
        store: which one.
        unused_days: models that were neither used nor pulled for so long can go; none where left
            out.
        now: seconds since 1970.
    """
    for shelf in store.shelves():
        if left := shelf.leftovers():
            yield Removal(shelf, "left by an interruption", sum(map(size_of, left)), None)
        for model in shelf.pulled():
            why = _why(store, model, unused_days, now)
            if why is not None:
                yield Removal(shelf, why, model.manifest.size, model.manifest)


def _why(store: Store, model: PulledModel, unused_days: float | None, now: float) -> str | None:
    if not model.manifest.revisions or _is_of_old_commit(store, model.manifest):
        return "replaced by a newer commit"
    pulled = datetime.fromisoformat(model.manifest.pulled).timestamp()
    days = (now - max(pulled, model.last_used or 0.0)) / _DAY
    if unused_days is not None and days >= unused_days:
        return f"not used for {days:.0f} days"
    return None


def _is_of_old_commit(store: Store, manifest: Manifest) -> bool:
    """Whether a quantized copy is of another commit than the one that its branch is now at."""
    if manifest.quantization == "none" or manifest.revisions == (manifest.commit,):
        return False
    pulled = store.shelf(manifest.repo).find(manifest.revisions[0])
    return pulled is not None and pulled.manifest.commit != manifest.commit
