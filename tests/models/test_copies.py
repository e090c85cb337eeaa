from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from linvt_cli.errors import DiskFullError
from linvt_cli.models.copies import (
    Original,
    bits_that_serve,
    find_any_copy,
    find_copy,
    find_copy_of,
    local_repo,
    make_copy,
    original_of,
)
from linvt_cli.models.source import HubSource
from linvt_cli.models.store import Store

COMMIT = "1" * 40
QWEN = Original("Qwen/Qwen2-VL", COMMIT, "main")
SOURCE = HubSource("Qwen/Qwen2-VL")


def write(target: Path) -> None:
    (target / "config.json").write_text("{}")
    (target / "model-00001-of-00001.safetensors").write_bytes(bytes(100))


def make(store: Store, original: Original = QWEN, write=write, needed: int = 0, on_wait=None):
    return make_copy(
        store, original, "nf4", write, needed=needed, on_wait=on_wait or (lambda: None)
    )


def test_a_copy_is_found_by_its_original_and_by_its_repository(store):
    made = make(store)
    assert sorted(path.name for path in made.folder.iterdir()) == [
        "config.json",
        "model-00001-of-00001.safetensors",
    ]
    assert find_copy(store, QWEN, "nf4") == made
    assert find_copy_of(store, SOURCE, "nf4") == made
    assert find_any_copy(store, SOURCE) == made.folder
    assert find_copy(store, QWEN, "int8") is None
    assert find_copy(store, Original("Qwen/Qwen2-VL", "2" * 40, "main"), "nf4") is None
    assert find_any_copy(store, HubSource("Qwen/Other")) is None
    assert [model.manifest.quantization for model in store.pulled()] == ["nf4"]


@pytest.mark.parametrize(
    ("choice", "bits"), [("auto", ("int8", "nf4")), ("nf4", ("nf4",)), ("none", ())]
)
def test_a_copy_serves_who_asks_for_its_bits_or_leaves_them_open(choice, bits):
    assert bits_that_serve(choice) == bits


def test_a_copy_is_made_once(store):
    first = make(store)

    def never(target: Path) -> None:
        raise AssertionError(target)

    assert make(store, write=never) == first


def test_a_copy_that_lost_a_file_is_made_again(store):
    made = make(store)
    (made.folder / "config.json").unlink()
    assert find_copy(store, QWEN, "nf4") is None
    assert make(store).missing() == []


def test_what_fails_leaves_nothing_behind(store):
    def failing(target: Path) -> None:
        write(target)
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        make(store, write=failing)
    shelf = store.quantized_shelf(QWEN.repo, "nf4")
    assert shelf.leftovers() == []
    assert find_copy(store, QWEN, "nf4") is None


def test_what_a_killed_process_left_is_in_nobody_s_way(store):
    shelf = store.quantized_shelf(QWEN.repo, "nf4")
    (shelf.folder / "making").mkdir(parents=True)
    (shelf.folder / "making" / "half").write_bytes(bytes(10))
    shelf.snapshot(COMMIT).mkdir()  # renamed, and killed before its manifest
    assert find_copy(store, QWEN, "nf4") is None
    made = make(store)
    assert shelf.leftovers() == []
    assert find_copy(store, QWEN, "nf4") == made


def test_a_disk_without_room_is_told_before_anything_is_written(store):
    with pytest.raises(DiskFullError, match="takes about") as caught:
        make(store, needed=2**60)
    assert caught.value.needed == 2**60
    assert store.pulled() == []


def test_two_at_once_make_one_copy(store):
    waits: list[int] = []
    runs: list[Path] = []
    started, waited = threading.Event(), threading.Event()

    def slow(target: Path) -> None:
        runs.append(target)
        started.set()
        waited.wait()
        write(target)

    def on_wait() -> None:
        waits.append(1)
        waited.set()

    first = threading.Thread(target=make, args=(store, QWEN, slow))
    first.start()
    started.wait()
    made = make(store, write=slow, on_wait=on_wait)
    first.join()
    assert (len(runs), len(waits)) == (1, 1)
    assert made.missing() == []


def test_a_repository_is_known_by_its_commit_and_a_folder_by_what_is_in_it(tmp_path):
    snapshot = tmp_path / COMMIT
    snapshot.mkdir()
    write(snapshot)
    assert original_of(snapshot, SOURCE) == QWEN
    own = original_of(snapshot, None)
    assert own.repo == f"local/{COMMIT}"
    assert own == original_of(snapshot, None)
    weights = snapshot / "model-00001-of-00001.safetensors"
    os.utime(weights, (1, 1))
    changed = original_of(snapshot, None)
    (snapshot / "config.json").write_text('{"a": 1}')
    configured = original_of(snapshot, None)
    (snapshot / "tokenizer.model").write_bytes(b"new")
    states = [own, changed, configured, original_of(snapshot, None)]
    assert len({state.version for state in states}) == 4


def test_the_copy_of_a_folder_that_was_changed_takes_the_place_of_the_older(store, tmp_path):
    mine, another = tmp_path / "a" / "model", tmp_path / "b" / "model"
    for folder in (mine, another):
        folder.mkdir(parents=True)
        write(folder)
    before, others = original_of(mine, None), original_of(another, None)
    assert before.repo == others.repo
    make(store, before)
    make(store, others)
    (mine / "config.json").write_text('{"a": 1}')
    after = original_of(mine, None)
    make(store, after)
    assert find_copy(store, before, "nf4") is None
    assert find_copy(store, after, "nf4") is not None
    assert find_copy(store, others, "nf4") is not None


def test_copies_of_a_repository_at_other_commits_stay(store):
    make(store)
    make(store, Original("Qwen/Qwen2-VL", "2" * 40, "main"))
    assert find_copy(store, QWEN, "nf4") is not None


@pytest.mark.parametrize(
    ("folder", "name"),
    [("my-model", "my_model"), ("Qwen2.5 VL", "Qwen2.5_VL"), ("日本", "folder"), ("a..b", "a_b")],
)
def test_a_folder_has_a_name_that_the_store_can_have(tmp_path, folder, name):
    repo = local_repo(tmp_path / folder)
    assert repo == f"local/{name}"
    assert HubSource(repo).repo == repo
