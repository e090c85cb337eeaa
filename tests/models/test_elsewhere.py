from __future__ import annotations

from pathlib import Path

import pytest

from linvt_cli.errors import ConnectionLostError, DiskFullError
from linvt_cli.models import pull as pull_module
from linvt_cli.models.checksum import Checksum
from linvt_cli.models.elsewhere import find_elsewhere, is_on_other_disk
from linvt_cli.models.kept import hub_cache_blob
from linvt_cli.models.selection import RemoteFile
from linvt_cli.models.store import Store
from linvt_cli.models.verify import verify
from tests.models.conftest import Noted, pull_from
from tests.models.hub_server import Fault, HubServer, git_checksum
from tests.models.repos import sharded_repo

FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


@pytest.fixture
def broken_off(hub, store):
    """The files of a repository, the first shard of which is here, while its pull broke off."""
    files = {**sharded_repo(), "README.md": b"# Old"}
    hub.publish("owner/name", files)
    hub.choose_fault = lambda path: Fault("drop") if path.endswith(SECOND) else None
    with pytest.raises(ConnectionLostError):
        pull_from(hub, store, Noted())
    hub.choose_fault = None
    hub.requests.clear()
    hub.sent.clear()
    return files


def asked_for(hub: HubServer, name: str) -> bool:
    return any(path.endswith(name) for path in hub.requests)


def test_shards_of_an_interrupted_pull_are_kept_where_the_branch_moved(hub, store, broken_off):
    """Guards against fetching gigabytes anew because somebody changed a README meanwhile."""
    hub.publish("owner/name", {**broken_off, "README.md": b"# New"})
    watcher = Noted()
    model = pull_from(hub, store, watcher)
    assert not asked_for(hub, FIRST)
    assert asked_for(hub, SECOND)
    assert [plan.to_fetch for plan in watcher.plans] == [len(broken_off[SECOND])]
    assert watcher.num_bytes == watcher.plans[0].size
    assert verify(model) == []


def test_what_is_left_of_another_commit_is_hashed_before_it_is_trusted(hub, store, broken_off):
    same_size = broken_off[FIRST][:-1] + b"!"
    hub.publish("owner/name", {**broken_off, FIRST: same_size})
    watcher = Noted()
    model = pull_from(hub, store, watcher)
    assert hub.fetched(FIRST) == len(same_size)
    both = len(broken_off[FIRST]) + len(broken_off[SECOND])
    assert [plan.needed for plan in watcher.plans] == [both]
    assert (model.folder / FIRST).read_bytes() == same_size
    assert watcher.num_bytes == watcher.plans[0].size
    assert verify(model) == []


def test_only_a_folder_of_a_commit_is_looked_into(store, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    shelf, checksum = store.shelf("owner/name"), Checksum("git", git_checksum(b"{}"))
    file = RemoteFile("config.json", 2, checksum)
    final = shelf.snapshot("2" * 40) / file.path
    for folder in (shelf.parts, final.parent):
        folder.mkdir(parents=True)
        (folder / file.path).write_text("{}")
    assert find_elsewhere("owner/name", file, shelf, final) is None
    left = shelf.snapshot("1" * 40)
    left.mkdir()
    for other in ("{ }", "[]"):
        (left / file.path).write_text(other)
        assert find_elsewhere("owner/name", file, shelf, final) is None
    (left / file.path).write_text("{}")
    assert find_elsewhere("owner/name", file, shelf, final) == left / file.path
    blob = hub_cache_blob("owner/name", file.checksum)
    blob.parent.mkdir(parents=True)
    blob.write_text("{}")  # named by its checksum, so that it comes first
    assert find_elsewhere("owner/name", file, shelf, final) == blob


@pytest.mark.parametrize("on_other_disk", [True, False])
def test_a_file_that_must_be_copied_from_another_disk_needs_room(
    hub, store, watcher, monkeypatch, on_other_disk
):
    files = sharded_repo()
    hub.publish("owner/name", files)
    blob = hub_cache_blob("owner/name", Checksum("git", git_checksum(files["config.json"])))
    blob.parent.mkdir(parents=True)
    blob.write_bytes(files["config.json"])
    monkeypatch.setattr(pull_module, "is_on_other_disk", lambda *_: on_other_disk)
    to_fetch = len(files[FIRST]) + len(files[SECOND])
    monkeypatch.setattr(Store, "free_bytes", lambda self: to_fetch)
    if not on_other_disk:
        assert verify(pull_from(hub, store, watcher)) == []
        return
    needed = to_fetch + len(files["config.json"])
    with pytest.raises(DiskFullError, match=f"needs {needed:,} more bytes"):
        pull_from(hub, store, watcher)
    assert {sent.path for sent in hub.sent} == {"model.safetensors.index.json"}


def test_disks_are_told_apart(tmp_path):
    (tmp_path / "file").touch()
    assert not is_on_other_disk(tmp_path / "file", tmp_path)
    if Path("/proc/version").is_file():
        assert is_on_other_disk(Path("/proc/version"), tmp_path)
