from __future__ import annotations

import pytest

from linvt_cli.errors import UnsafeFilesError
from linvt_cli.models.checksum import Checksum
from linvt_cli.models.selection import (
    RemoteFile,
    RepoListing,
    require_modest_listing,
    select_files,
)
from linvt_cli.models.source import HubSource

WEIGHTS = ["model.safetensors"]


def listing(*names: str) -> RepoListing:
    files = tuple(RemoteFile(name, 10, Checksum("git", "0" * 40)) for name in names)
    return RepoListing(HubSource("owner/name"), "0" * 40, files)


def chosen(*names: str, shards: frozenset[str] | None = None) -> list[str]:
    return [file.path for file in select_files(listing(*names), shards)]


def test_weights_json_and_tokenizers_are_taken_small_files_first():
    tokenizers = ["merges.txt", "tokenizer.model", "vocab.json", "vocab.txt"]
    wanted = ["config.json", *tokenizers, "model.safetensors"]
    others = ["README.md", "model.bin", "a.py", "x.gguf", "chat.jinja", "notes.txt", ".x.json"]
    assert chosen("model.safetensors", *others, *wanted[:-1]) == wanted


def test_what_a_trainer_wrote_beside_a_model_is_left_where_it_is():
    others = ["trainer_state.json", "all_results.json", "training_args.json"]
    assert chosen("model.safetensors", "config.json", *others) == ["config.json", *WEIGHTS]
    huge = RemoteFile("runs/log.json", 1 << 40, Checksum("git", "0" * 40))
    require_modest_listing(RepoListing(HubSource("owner/name"), "0" * 40, (huge,)))


def test_of_folders_only_that_of_an_adapter_is_taken():
    adapter = "adapter/adapter_model.safetensors"
    assert chosen("m.safetensors", adapter, "onnx/config.json", "a/b/c.json") == [
        adapter,
        "m.safetensors",
    ]


def test_a_lora_beside_the_weights_is_left_where_it_is():
    lora = ("adapter_config.json", "adapter_model.safetensors")
    assert chosen("model.safetensors", *lora) == ["model.safetensors"]
    with pytest.raises(UnsafeFilesError, match="no weights"):
        chosen(*lora)


def test_with_an_index_only_its_weights_are_taken():
    assert chosen("a.safetensors", "b.safetensors", shards=frozenset({"b.safetensors"})) == [
        "b.safetensors"
    ]


def test_a_repository_without_weights_is_refused():
    with pytest.raises(UnsafeFilesError, match=r"has no weights in safetensors$"):
        chosen("config.json")


def test_a_repository_with_thousands_of_files_is_refused():
    with pytest.raises(UnsafeFilesError, match="has 1001 files"):
        chosen("m.safetensors", *(f"{number}.json" for number in range(1000)))
