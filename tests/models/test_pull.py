from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from linvt_cli.errors import (
    ConnectionLostError,
    DiskFullError,
    StoreNotWritableError,
    WrongBytesError,
)
from linvt_cli.models import store as store_module
from linvt_cli.models.source import HubSource
from linvt_cli.models.store import Store
from linvt_cli.models.verify import verify
from linvt_cli.types import WEIGHTS_INDEX as INDEX
from tests.models.conftest import Noted, pull_from
from tests.models.hub_server import Fault, HubServer, git_checksum
from tests.models.repos import PULLED, honest_repo, sharded_repo, weights

SOURCE = HubSource("owner/name")


def content_of(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_exactly_the_needed_files_arrive_byte_for_byte(hub, store, watcher):
    files = honest_repo()
    commit = hub.publish("owner/name", files)
    model = pull_from(hub, store, watcher)
    assert content_of(model.folder) == {name: files[name] for name in PULLED}
    assert model.folder.name == model.manifest.commit == commit
    assert watcher.num_bytes == watcher.plans[0].size == sum(len(files[name]) for name in PULLED)
    assert not list(store.root.rglob("*.part"))


def test_the_manifest_has_size_and_hash_of_every_file(hub, store, watcher):
    files = honest_repo()
    hub.publish("owner/name", files)
    pull_from(hub, store, watcher)
    (model,) = store.pulled()
    noted = {file.path: (file.size, file.sha256) for file in model.manifest.files}
    assert noted == {
        name: (len(files[name]), hashlib.sha256(files[name]).hexdigest()) for name in PULLED
    }
    assert model.manifest.endpoint == hub.endpoint
    assert store.find(SOURCE) == store.find(HubSource("owner/name", model.manifest.commit)) == model


def test_only_the_weights_that_the_index_names_are_pulled(hub, store, watcher):
    files = sharded_repo()
    hub.publish("owner/name", files)
    model = pull_from(hub, store, watcher)
    assert set(content_of(model.folder)) == set(files) - {"consolidated.safetensors"}
    assert watcher.num_bytes == watcher.plans[0].size


def test_what_is_here_is_not_fetched_again(hub, store, watcher):
    hub.publish("owner/name", honest_repo())
    first = pull_from(hub, store, watcher)
    hub.sent.clear()
    again = Noted()
    assert pull_from(hub, store, again).folder == first.folder
    assert hub.sent == []
    assert again.plans[0].to_fetch == 0


def test_a_pulled_commit_needs_no_network(hub, store, watcher):
    commit = hub.publish("owner/name", honest_repo())
    pinned = HubSource("owner/name", commit)
    first = pull_from(hub, store, watcher, pinned)
    hub.requests.clear()
    assert pull_from(hub, store, watcher, pinned).folder == first.folder
    assert hub.requests == []


def test_a_new_commit_takes_over_the_files_that_did_not_change(hub, store, watcher):
    files = honest_repo()
    old = hub.publish("owner/name", files)
    pull_from(hub, store, watcher)
    new = hub.publish("owner/name", {**files, "config.json": b'{"changed": 1}'})
    hub.sent.clear()
    model = pull_from(hub, store, Noted())
    assert "model.safetensors" not in {sent.path for sent in hub.sent}
    assert model.manifest.commit == new
    found = store.find(SOURCE)
    assert found is not None
    assert found.manifest.commit == new
    kept = store.find(HubSource("owner/name", old))
    assert kept is not None
    assert kept.manifest.revisions == ()


def test_a_file_in_the_cache_of_hugging_face_tools_is_not_fetched(hub, store, watcher, tmp_path):
    files = honest_repo()
    hub.publish("owner/name", files)
    blobs = tmp_path / "hub-cache" / "models--owner--name" / "blobs"
    blobs.mkdir(parents=True)
    weights = files["model.safetensors"]
    (blobs / hashlib.sha256(weights).hexdigest()).write_bytes(weights)
    (blobs / git_checksum(files["config.json"])).write_bytes(files["config.json"])
    model = pull_from(hub, store, watcher)
    assert {"model.safetensors", "config.json"} & {sent.path for sent in hub.sent} == set()
    assert (model.folder / "model.safetensors").read_bytes() == weights
    assert watcher.plans[0].here == len(weights) + len(files["config.json"])


def test_a_damaged_file_in_that_cache_is_fetched_and_left_as_it_is(hub, store, watcher, tmp_path):
    files = honest_repo()
    hub.publish("owner/name", files)
    weights = files["model.safetensors"]
    blob = tmp_path / "hub-cache/models--owner--name/blobs" / hashlib.sha256(weights).hexdigest()
    blob.parent.mkdir(parents=True)
    blob.write_bytes(bytes(len(weights)))
    model = pull_from(hub, store, watcher)
    assert (model.folder / "model.safetensors").read_bytes() == weights
    assert blob.read_bytes() == bytes(len(weights))
    assert watcher.num_bytes == watcher.plans[0].size


def test_verifying_fetches_a_damaged_file_again_and_no_other(hub, store, watcher):
    files = honest_repo()
    hub.publish("owner/name", files)
    model = pull_from(hub, store, watcher)
    damaged = model.folder / "model.safetensors"
    damaged.write_bytes(bytes(len(files["model.safetensors"])))
    hub.sent.clear()
    again = Noted()
    pull_from(hub, store, again, verify=True)
    assert [plan.to_fetch for plan in again.plans] == [len(files["model.safetensors"])]
    assert {sent.path for sent in hub.sent} == {"model.safetensors"}
    assert damaged.read_bytes() == files["model.safetensors"]


def test_two_pulls_at_once_fetch_once_and_one_waits(hub, store):
    files = honest_repo(2_000_000)
    hub.publish("owner/name", files)
    hub.piece_seconds = 0.01
    watchers = [Noted(), Noted()]
    pulls = [
        threading.Thread(target=pull_from, args=(hub, Store(store.root), watcher))
        for watcher in watchers
    ]
    for thread in pulls:
        thread.start()
    for thread in pulls:
        thread.join()
    assert {name: hub.fetched(name) for name in PULLED} == {n: len(files[n]) for n in PULLED}
    assert sorted(watcher.waits for watcher in watchers) == [0, 1]


def test_a_disk_that_is_too_small_is_told_before_anything_is_fetched(
    hub, store, watcher, monkeypatch
):
    hub.publish("owner/name", honest_repo())
    monkeypatch.setattr(Store, "free_bytes", lambda self: 1000)
    with pytest.raises(DiskFullError, match="needs 300,") as caught:
        pull_from(hub, store, watcher)
    assert (caught.value.free, hub.sent) == (1000, [])


def test_a_store_below_a_file_is_an_error_of_the_store(hub, watcher, tmp_path):
    (tmp_path / "file").touch()
    hub.publish("owner/name", honest_repo())
    with pytest.raises(StoreNotWritableError, match="Nothing can be written"):
        pull_from(hub, Store(tmp_path / "file"), watcher)


def test_no_name_appears_before_its_bytes_are_right(hub, store, watcher):
    hub.publish("owner/name", honest_repo())
    hub.choose_fault = lambda path: Fault("flip") if path.endswith(".safetensors") else None
    with pytest.raises(WrongBytesError, match="checksum differs"):
        pull_from(hub, store, watcher)
    assert list(store.root.rglob("model.safetensors")) == []
    assert store.pulled() == []
    assert store.find(SOURCE) is None


WEIGHTS = "model.safetensors"


def other_weights(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the same files but for the weights, which have other bytes and the same size."""
    changed = {**files, WEIGHTS: weights(seed=7)}
    assert len(changed[WEIGHTS]) == len(files[WEIGHTS])
    return changed


def when_first_asked_for_a_file(hub: HubServer, act: Callable[[], object]) -> None:
    """Let something happen between the listing and the first file."""
    acts = [act]

    def choose(path: str) -> None:
        if "/resolve/" in path and acts:
            acts.pop()()

    hub.choose_fault = choose


def test_a_branch_that_moves_while_it_is_pulled_stays_one_commit(hub, store, watcher):
    files = honest_repo()
    commit = hub.publish("owner/name", files)
    newer = {name: content[:-1] + b"!" for name, content in other_weights(files).items()}
    when_first_asked_for_a_file(hub, lambda: hub.publish("owner/name", newer))
    model = pull_from(hub, store, watcher)
    assert model.manifest.commit == commit
    assert content_of(model.folder) == {name: files[name] for name in PULLED}
    assert verify(model) == []


def test_a_file_that_changes_under_its_commit_is_refused_and_right_the_next_time(
    hub, store, watcher
):
    files = honest_repo()
    commit = hub.publish("owner/name", files)
    changed = other_weights(files)
    when_first_asked_for_a_file(hub, lambda: hub.commits.update({commit: changed}))
    with pytest.raises(WrongBytesError, match="has changed on the server since it was listed"):
        pull_from(hub, store, watcher)
    assert store.pulled() == []
    assert list(store.root.rglob(WEIGHTS)) == []
    model = pull_from(hub, store, Noted())
    assert (model.folder / WEIGHTS).read_bytes() == changed[WEIGHTS]
    assert verify(model) == []


def test_a_file_that_changes_in_the_middle_of_it_is_never_made_of_both(hub, store, watcher):
    files = honest_repo()
    commit = hub.publish("owner/name", files)
    faults = [Fault("drop", after=100_000), *[Fault("drop")] * 9]
    hub.choose_fault = lambda path: faults.pop(0) if "/storage/" in path else None
    with pytest.raises(ConnectionLostError):
        pull_from(hub, store, watcher)
    hub.choose_fault = None
    hub.commits[commit] = other_weights(files)
    model = pull_from(hub, store, Noted())
    assert (model.folder / WEIGHTS).read_bytes() == hub.commits[commit][WEIGHTS]
    assert verify(model) == []


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "broken off"])
def test_a_file_here_that_the_hub_lists_otherwise_is_fetched_anew(hub, store, watcher, name, whole):
    files = honest_repo()
    commit = hub.publish("owner/name", files)
    model = pull_from(hub, store, watcher)
    if not whole:
        store.shelf("owner/name").manifest_path(commit).unlink()
        (model.folder / "tokenizer.json").unlink()
    changed = {WEIGHTS: other_weights(files)[WEIGHTS], "config.json": b'{"model_type": "qwen3_vl"}'}
    assert len(changed[name]) == len(files[name])
    hub.commits[commit] = {**files, name: changed[name]}
    hub.sent.clear()
    again = Noted()
    model = pull_from(hub, store, again)
    assert {sent.path for sent in hub.sent} == ({name} if whole else {name, "tokenizer.json"})
    assert (model.folder / name).read_bytes() == hub.commits[commit][name]
    assert verify(model) == []
    assert again.num_bytes == again.plans[0].size


def test_a_model_that_is_here_stays_whole_if_what_the_hub_lists_now_never_comes(
    hub, store, watcher
):
    files = honest_repo()
    commit = hub.publish("owner/name", files)
    pull_from(hub, store, watcher)
    hub.commits[commit] = other_weights(files)
    hub.choose_fault = lambda path: Fault("flip") if "/storage/" in path else None
    with pytest.raises(WrongBytesError):
        pull_from(hub, store, Noted())
    (model,) = store.pulled()
    assert verify(model) == []
    assert (model.folder / WEIGHTS).read_bytes() == files[WEIGHTS]


def test_an_index_that_changed_under_its_commit_is_read_anew(hub, store, watcher):
    files = sharded_repo()
    commit = hub.publish("owner/name", files)
    pull_from(hub, store, watcher)
    index = files[INDEX].replace(b"model-00002-of-00002", b"model-00001-of-00002")
    hub.commits[commit] = {**files, INDEX: index}
    model = pull_from(hub, store, Noted())
    assert {file.path for file in model.manifest.files if file.path.startswith("model-")} == {
        "model-00001-of-00002.safetensors"
    }


def test_the_store_of_a_user_is_below_linvt_home(monkeypatch, tmp_path):
    monkeypatch.setenv("LINVT_HOME", str(tmp_path))
    assert Store().root == tmp_path / "models"
    monkeypatch.delenv("LINVT_HOME")
    assert store_module.default_root().parts[-2:] == ("linvt", "models")
