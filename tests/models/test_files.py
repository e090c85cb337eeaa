from __future__ import annotations

import json

import pytest
from huggingface_hub.errors import IncompleteSnapshotError

from linvt_cli.errors import BackboneLoadError, UnsafeFilesError
from linvt_cli.models.files import (
    count_parameters,
    find_cached,
    find_snapshot,
    is_folder,
    read_config,
    require_folder,
)
from linvt_cli.models.hub import Hub
from linvt_cli.models.pull import pull
from linvt_cli.models.source import HubSource
from linvt_cli.models.store import Store
from tests.models.repos import honest_repo, weights

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SOURCE = HubSource("owner/name")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache as Hugging Face tools lay it out, with one repository."""
    import huggingface_hub.constants

    monkeypatch.setenv("LINVT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    repo = tmp_path / "models--owner--name"
    snapshot = repo / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (snapshot / "model.safetensors").write_bytes(b"")
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(COMMIT)
    return snapshot


@pytest.mark.parametrize("revision", ["main", COMMIT])
def test_a_snapshot_in_the_shared_cache_is_found(cache, revision):
    assert find_snapshot(HubSource("owner/name", revision)) == cache


def test_what_is_nowhere_is_not_found(cache):
    assert find_snapshot(HubSource("owner/other")) is None
    assert find_snapshot(HubSource("owner/name", "other")) is None


@pytest.mark.parametrize("missing", ["config.json", "model-2.safetensors", "model-1.safetensors"])
def test_what_other_tools_have_fetched_in_part_is_not_found(cache, missing):
    shards = {"a": "model-1.safetensors", "b": "model-2.safetensors"}
    for name in shards.values():
        (cache / name).write_bytes(b"")
    (cache / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    assert find_snapshot(SOURCE) == cache
    (cache / missing).unlink()
    assert find_snapshot(SOURCE) is None


def test_files_that_no_model_needs_may_be_missing(cache, monkeypatch):
    def incomplete(*_: object, **__: object) -> str:
        raise IncompleteSnapshotError("1 file(s) are missing (README.md)", str(cache))

    monkeypatch.setattr("huggingface_hub.snapshot_download", incomplete)
    assert find_snapshot(SOURCE) == cache
    (cache / "config.json").unlink()
    assert find_snapshot(SOURCE) is None


def test_a_part_of_the_weights_without_the_index_is_no_model(cache):
    (cache / "model.safetensors").rename(cache / "model-00001-of-00002.safetensors")
    assert find_snapshot(SOURCE) is None


def test_a_config_without_weights_is_no_model(cache):
    (cache / "model.safetensors").unlink()
    assert find_snapshot(SOURCE) is None


@pytest.mark.parametrize(
    "tokenizer", [["tokenizer.json"], ["tokenizer.model"], ["vocab.json", "merges.txt"]]
)
def test_an_image_llm_without_its_tokenizer_is_no_model(cache, tokenizer):
    (cache / "config.json").write_text('{"model_type": "qwen2_vl"}')
    for name in tokenizer:
        assert find_snapshot(SOURCE) is None
        (cache / name).touch()
    assert find_snapshot(SOURCE) == cache


def test_a_config_that_cannot_be_read_is_left_to_loading(cache):
    (cache / "config.json").write_text("[]")
    assert find_snapshot(SOURCE) == cache


def test_the_cache_is_asked_for_what_it_may_have(cache, monkeypatch):
    assert find_cached(SOURCE) == cache
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: pytest.fail("asked"))
    assert find_cached(HubSource("owner/other")) is None


def test_a_pulled_model_comes_first_and_its_use_is_noted(cache, hub, watcher):
    hub.publish("owner/name", honest_repo())
    pulled = pull(SOURCE, store=Store(), watcher=watcher, hub=Hub(hub.endpoint))
    assert pulled.last_used is None
    assert find_snapshot(SOURCE) == pulled.folder
    assert [found.last_used for found in Store().pulled()] == [None]
    assert find_snapshot(SOURCE, in_use=True) == pulled.folder
    assert [found.last_used is None for found in Store().pulled()] == [False]


def test_a_pulled_model_that_lacks_a_file_is_not_used(cache, hub, watcher):
    hub.publish("owner/name", honest_repo())
    pulled = pull(SOURCE, store=Store(), watcher=watcher, hub=Hub(hub.endpoint))
    (pulled.folder / "merges.txt").unlink()
    assert find_snapshot(SOURCE) == cache


def test_a_folder_of_the_user_must_be_one(tmp_path):
    assert require_folder(tmp_path) == tmp_path
    with pytest.raises(BackboneLoadError, match="is no folder") as caught:
        require_folder(tmp_path / "missing")
    way = "name the folder with the model's config.json"
    assert caught.value.hint == way
    with pytest.raises(BackboneLoadError) as caught:
        require_folder(tmp_path / "missing", meant="hub:a/b")
    assert caught.value.hint == f"did you mean hub:a/b? Else {way}"


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    assert [is_folder(tmp_path / name) for name in ("", "file", "missing")] == [True, False, False]


def test_a_config_must_be_there_and_be_an_object(tmp_path):
    with pytest.raises(BackboneLoadError, match="no readable config"):
        read_config(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(UnsafeFilesError, match="holds no object"):
        read_config(tmp_path)
    (tmp_path / "config.json").write_text('{"a": 1}')
    assert read_config(tmp_path) == {"a": 1}


def test_weights_are_counted_over_all_files(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(weights(1000))
    (tmp_path / "b.safetensors").write_bytes(weights(234))
    assert count_parameters(tmp_path) == 1234
    (tmp_path / "b.safetensors").write_bytes(b"no")
    with pytest.raises(BackboneLoadError, match="damaged"):
        count_parameters(tmp_path)


def test_a_quantized_copy_says_how_many_weights_its_original_has(tmp_path):
    about = tmp_path / "linvt_copy.json"
    about.write_text('{"parameters": 2208985600}', encoding="utf-8")
    assert count_parameters(tmp_path) == 2_208_985_600
    for text in ("{}", "[]", '{"parameters": "many"}', '{"parameters": -1}'):
        about.write_text(text, encoding="utf-8")
        with pytest.raises(BackboneLoadError, match="does not describe a quantized copy"):
            count_parameters(tmp_path)
