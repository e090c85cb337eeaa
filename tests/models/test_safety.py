"""Repositories made to harm: each is refused with a reason, and leaves nothing behind."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from linvt_cli.errors import LinVTError, UnsafeFilesError
from linvt_cli.models.safety import (
    MAX_TEXT_SIZE,
    read_json,
    require_safe_content,
    require_safe_path,
    shards_of,
)
from linvt_cli.models.store import Store
from tests.models.conftest import pull_from
from tests.models.hub_server import git_checksum
from tests.models.repos import honest_repo, sharded_repo, weights

HOSTILE_NAMES = [
    "../config.json",
    "a/../../config.json",
    "/etc/passwd.json",
    "..\\config.json",
    "C:\\config.json",
    "adapter//config.json",
    "./config.json",
    "config.json\0.txt",
    "config\n.json",
    "con.json",
    "x" * 300 + ".json",
]


def files_outside(tmp_path: Path, store: Store) -> list[Path]:
    """Return files that lie neither in the store nor in its parts."""
    return [p for p in tmp_path.rglob("*") if p.is_file() and store.root not in p.parents]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_name_that_leads_elsewhere_is_refused_before_anything_is_fetched(
    hub, store, watcher, tmp_path, name
):
    hub.publish("owner/name", {**honest_repo(), name: b"{}"})
    with pytest.raises(UnsafeFilesError, match="could be written outside"):
        pull_from(hub, store, watcher)
    assert hub.sent == []
    assert files_outside(tmp_path, store) == []


@pytest.mark.parametrize(
    "name", ["images/what is this?.png", "a:b.md", "end. ", "adapter/nul", f"{'x' * 300}.txt"]
)
def test_an_odd_name_of_a_file_that_is_not_fetched_is_no_matter(hub, store, watcher, name):
    hub.publish("owner/name", {**honest_repo(), name: b"{}"})
    model = pull_from(hub, store, watcher)
    assert name not in {file.path for file in model.manifest.files}


@pytest.mark.parametrize(
    "name", ["config.json", "adapter/adapter_config.json", "model-1.safetensors"]
)
def test_ordinary_names_are_safe(name):
    require_safe_path(name)


HOSTILE_FILES = {
    "NaN in the config": ("config.json", b'{"hidden_size": NaN}', "has the value NaN"),
    "infinity in the config": ("config.json", b'{"a": -Infinity}', "has the value -Infinity"),
    "an overflow in the config": ("config.json", b'{"a": 1e999}', "has the number 1e999"),
    "no JSON": ("tokenizer.json", b"{", "cannot be read as JSON"),
    "no UTF-8": ("tokenizer.json", b"\xff\xfe{}", "cannot be read as JSON"),
    "JSON without an end": ("tokenizer.json", b"[" * 90_000, "cannot be read as JSON"),
    "packed JSON": ("tokenizer.json", gzip.compress(bytes(9_000_000)), "cannot be read as JSON"),
    "a header of 10 GB": (
        "model.safetensors",
        (10 * 10**9).to_bytes(8, "little") + b"{}" + bytes(100),
        "claims a header of 10,000,000,000 bytes",
    ),
    "tensors of 10 GB": (
        "model.safetensors",
        b'I\0\0\0\0\0\0\0{"w":{"dtype":"U8","shape":[10000000000],"data_offsets":[0,10000000000]}}',
        "is no safetensors file",
    ),
    "a pickle with a false name": ("model.safetensors", b"\x80\x04\x95" + bytes(99), "claims a"),
    "a link as git stores it": ("model.safetensors", b"../../../etc/passwd", "claims a header"),
    "a link for a config": ("config.json", b"../../../etc/passwd", "cannot be read as JSON"),
}


@pytest.mark.parametrize("fault", HOSTILE_FILES)
def test_a_file_that_is_not_what_its_name_says_is_refused_and_removed(
    hub, store, watcher, tmp_path, fault
):
    name, content, reason = HOSTILE_FILES[fault]
    hub.publish("owner/name", {**honest_repo(), name: content})
    with pytest.raises(UnsafeFilesError, match=reason) as caught:
        pull_from(hub, store, watcher)
    assert f"'{name}'" in caught.value.message
    assert "\n" not in caught.value.message
    assert list(store.root.rglob(name)) == []
    assert list(store.root.rglob("*.part")) == []
    assert store.pulled() == []
    assert files_outside(tmp_path, store) == []


def test_pickles_and_code_are_not_even_asked_for(hub, store, watcher):
    hub.publish("owner/name", honest_repo())
    pull_from(hub, store, watcher)
    assert not [path for path in hub.requests if path.endswith((".py", ".bin"))]


def test_a_repository_with_pickles_alone_is_refused_with_that_reason(hub, store, watcher):
    files = honest_repo()
    del files["model.safetensors"]
    hub.publish("owner/name", files)
    with pytest.raises(UnsafeFilesError, match=r"only 'pytorch_model\.bin', which could run code"):
        pull_from(hub, store, watcher)
    assert hub.sent == []


@pytest.mark.parametrize(
    "named",
    [
        "../../outside.safetensors",
        "/outside.safetensors",
        "pytorch_model.bin",
        "a/b.safetensors",
    ],
)
def test_an_index_that_names_something_else_is_refused(hub, store, watcher, named):
    index = json.dumps({"weight_map": {"a": named}}).encode()
    hub.publish("owner/name", {**sharded_repo(), "model.safetensors.index.json": index})
    with pytest.raises(UnsafeFilesError):
        pull_from(hub, store, watcher)
    assert {sent.path for sent in hub.sent} == {"model.safetensors.index.json"}


def test_an_index_that_names_a_missing_file_is_refused(hub, store, watcher):
    files = sharded_repo()
    del files["model-00002-of-00002.safetensors"]
    hub.publish("owner/name", files)
    with pytest.raises(UnsafeFilesError, match="lacks 'model-00002"):
        pull_from(hub, store, watcher)


@pytest.mark.parametrize("index", [[], {}, {"weight_map": []}, {"weight_map": {}}])
def test_an_index_without_weights_is_refused(index):
    with pytest.raises(UnsafeFilesError, match="is no index"):
        shards_of(index, name="index")


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer.model", "merges.txt"])
def test_a_tokenizer_that_claims_gigabytes_is_not_fetched(hub, store, watcher, name):
    files = honest_repo()
    hub.publish("owner/name", files)
    blob = git_checksum(files[name])
    hub.listed[name] = {"rfilename": name, "size": 9 << 30, "blobId": blob}
    with pytest.raises(UnsafeFilesError, match="claims 9,663,676,416 bytes"):
        pull_from(hub, store, watcher)
    assert hub.sent == []


def test_names_that_are_one_on_some_disks_are_refused(hub, store, watcher):
    hub.publish("owner/name", {**honest_repo(), "Config.json": b"{}"})
    with pytest.raises(UnsafeFilesError, match=r"several files named 'config\.json'"):
        pull_from(hub, store, watcher)


def test_json_of_absurd_size_is_not_read(tmp_path):
    path = tmp_path / "config.json"
    with path.open("wb") as file:
        file.truncate(MAX_TEXT_SIZE + 1)
    with pytest.raises(UnsafeFilesError, match="where at most"):
        read_json(path, name="config.json")


def test_honest_files_pass(tmp_path):
    for name, content in {**sharded_repo(), "merges.txt": b"#", "w.safetensors": weights()}.items():
        path = tmp_path / "file"
        path.write_bytes(content)
        require_safe_content(name, path)


def test_a_refusal_has_a_reason_and_a_hint():
    with pytest.raises(LinVTError) as caught:
        require_safe_path("../x")
    assert caught.value.hint
