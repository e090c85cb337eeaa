from __future__ import annotations

import pytest

from linvt_cli.errors import StoreError
from linvt_cli.models.manifest import Manifest, ManifestFile, write_manifest
from linvt_cli.models.prune import removals
from linvt_cli.models.store import Store

NOW = 1_800_000_000.0
DAY = 86_400.0


@pytest.fixture
def shelf(store):
    """A model that was pulled 27 days before NOW, an older commit of it, and a part of a file."""
    place = store.shelf("owner/name")
    file = ManifestFile("config.json", 2, "0" * 64)
    for commit, revisions in (("1" * 40, ()), ("2" * 40, ("main",))):
        place.snapshot(commit).mkdir(parents=True)
        (place.snapshot(commit) / "config.json").write_text("{}")
        when = "2026-12-19T08:00:00+00:00"
        manifest = Manifest("owner/name", commit, revisions, "https://hub", when, (file,))
        write_manifest(place.manifest_path(commit), manifest)
    place.parts.mkdir()
    (place.parts / "0.part").write_text("123")
    return place


def reasons(store: Store, unused_days: float | None = None) -> list[tuple[str, int]]:
    return [(r.why, r.size) for r in removals(store, unused_days=unused_days, now=NOW)]


LEFT, REPLACED = ("left by an interruption", 3), ("replaced by a newer commit", 2)


def test_what_nobody_needs_can_go_and_what_is_named_stays(store, shelf):
    assert reasons(store) == [LEFT, REPLACED]


@pytest.mark.parametrize(("days", "count"), [(20, 3), (30, 2)])
def test_a_model_can_go_after_some_days_without_use(store, shelf, days, count):
    assert len(reasons(store, days)) == count


def test_a_use_counts_from_then_on(store, shelf):
    shelf.find("main").note_use()  # in the real present
    used = shelf.find("main").last_used
    assert used is not None
    found = [r.why for r in removals(store, unused_days=20, now=used + 19 * DAY)]
    assert len(found) == 2


def test_what_is_carried_out_is_gone(store, shelf):
    for removal in list(removals(store, unused_days=None, now=NOW)):
        removal.carry_out()
    assert reasons(store) == []
    assert shelf.find("main") is not None
    assert not shelf.parts.exists()


def test_nothing_goes_while_another_process_pulls(store, shelf):
    (left, _) = removals(store, unused_days=None, now=NOW)
    with (
        shelf.locked(lambda: None),
        pytest.raises(StoreError, match="is just pulling into"),
    ):
        left.carry_out()
    assert reasons(store) == [LEFT, REPLACED]
