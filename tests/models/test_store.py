from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from linvt_cli.errors import (
    ConnectionLostError,
    DiskFullError,
    StoreError,
    StoreNotWritableError,
)
from linvt_cli.models.manifest import Manifest, ManifestFile, write_manifest
from linvt_cli.models.source import HubSource

FIRST, SECOND = "1" * 40, "2" * 40


@pytest.fixture
def shelf(store):
    """A repository with a commit that ``main`` left and the one it is at."""
    place = store.shelf("owner/name")
    file = ManifestFile("config.json", 2, "0" * 64)
    for commit, revisions, pulled in ((FIRST, (), "2026-01-01"), (SECOND, ("main",), "2026-01-02")):
        place.snapshot(commit).mkdir(parents=True)
        (place.snapshot(commit) / "config.json").write_text("{}")
        manifest = Manifest("owner/name", commit, revisions, "https://hub", pulled, (file,))
        write_manifest(place.manifest_path(commit), manifest)
    return place


def test_what_others_keep_in_the_same_place_is_no_leftover(shelf, store):
    theirs = store.root / "hub" / "models--owner--name"
    for name in ("blobs", "refs", "snapshots", ".locks"):
        (theirs / name).mkdir(parents=True)
    shelf.manifest_path(FIRST).write_text('{"format_version": 99}')  # of a newer linvt
    assert [left for each in store.shelves() for left in each.leftovers()] == []
    assert len(store.shelves()) == 2


def test_models_are_found_by_branch_and_by_commit(store, shelf):
    found = [store.find(HubSource("owner/name", name)) for name in ("main", SECOND, FIRST, "v1")]
    commits = [None if model is None else model.manifest.commit for model in found]
    assert commits == [SECOND, SECOND, FIRST, None]
    assert [model.manifest.commit for model in store.pulled()] == [SECOND, FIRST]
    assert store.find(HubSource("owner/other")) is None


def test_a_folder_without_its_manifest_is_no_model_but_a_leftover(shelf):
    shelf.manifest_path(FIRST).unlink()
    shelf.parts.mkdir()
    assert [model.manifest.commit for model in shelf.pulled()] == [SECOND]
    assert set(shelf.leftovers()) == {shelf.parts, shelf.snapshot(FIRST)}
    assert shelf.remove_leftovers() == 2
    assert shelf.leftovers() == []


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format_version": 2}'])
def test_a_broken_manifest_is_no_model(shelf, text):
    shelf.manifest_path(SECOND).write_text(text)
    assert shelf.find("main") is None


def test_a_manifest_of_another_commit_is_no_model(shelf):
    shelf.manifest_path(SECOND).write_text(shelf.manifest_path(FIRST).read_text())
    assert [model.manifest.commit for model in shelf.pulled()] == [FIRST]


def test_removing_frees_the_files_of_one_commit(shelf):
    shelf.find(FIRST).note_use()
    assert shelf.remove(FIRST) == 2
    assert {path.name for path in shelf.folder.iterdir()} == {SECOND, f"{SECOND}.json"}


def test_a_missing_and_a_cut_file_are_seen_without_hashing(shelf):
    model = shelf.find("main")
    assert model.missing() == []
    (model.folder / "config.json").write_text("{")
    assert model.missing() == ["config.json"]


def test_a_use_is_remembered(shelf):
    assert shelf.find("main").last_used is None
    shelf.find("main").note_use()
    assert shelf.find("main").last_used is not None


def test_a_use_in_a_store_that_cannot_be_written_is_no_failure(shelf):
    replace(shelf.find("main"), folder=Path("/nowhere/folder")).note_use()


def test_a_held_lock_is_waited_for_and_what_the_waiter_raises_ends_the_wait(shelf):
    def give_up() -> None:
        raise StoreError("busy")

    with (
        shelf.locked(lambda: pytest.fail("nobody holds it")),
        pytest.raises(StoreError, match="busy"),
        shelf.locked(give_up),
    ):
        pytest.fail("it was held")
    with shelf.locked(give_up):
        pass


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, DiskFullError),
        (errno.EDQUOT, DiskFullError),
        (errno.EROFS, StoreNotWritableError),
        (errno.EACCES, StoreNotWritableError),
        (errno.EIO, StoreError),
    ],
)
def test_what_the_file_system_refuses_is_told_with_a_hint(store, number, kind):
    with pytest.raises(StoreError) as caught, store.failures_translated():
        raise OSError(number, "reason")
    assert type(caught.value) is kind
    assert str(store.root) in caught.value.message
    assert "LINVT_HOME" in (caught.value.hint or "")


def test_our_own_errors_pass_as_they_are(store):
    with pytest.raises(ConnectionLostError), store.failures_translated():
        raise ConnectionLostError("lost")


def test_room_is_that_of_the_disk_where_the_store_would_be(store):
    assert not store.root.exists()
    assert store.free_bytes() > 0
