from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from linvt_cli.backbones.registry import find_backbone
from linvt_cli.config import Workload
from linvt_cli.errors import BackboneLoadError, ConfigError, OutOfMemoryError
from linvt_cli.models.source import HubSource
from linvt_cli.models.store import Store
from linvt_cli.pipeline import precision, weights
from linvt_cli.pipeline.memory import memory_need
from linvt_cli.pipeline.quantizing import Published
from linvt_cli.pipeline.weights import (
    Weights,
    find_files,
    find_published,
    find_weights,
    source_of_weights,
)
from tests.tiny_qwen2_vl import write_qwen

pytest.importorskip("bitsandbytes")
SPEC, COMMIT = find_backbone("qwen2-vl-2b"), "3" * 40
SOURCE = HubSource("Qwen/Qwen2-VL-2B-Instruct")


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def find(monkeypatch, tmp_path, told):
    """Find the weights of a tiny model on a machine with plenty of memory."""
    monkeypatch.setenv("LINVT_HOME", str(tmp_path / "home"))
    for module in (precision, weights):
        monkeypatch.setattr(module, "free_memory", lambda device: 2**40)
    monkeypatch.setattr(Published, "_size", lambda self, quantization: 0)

    def found(choice: str, named: Path | None = None, *, keep: bool = True) -> Weights:
        return find_weights(
            SPEC,
            SOURCE if named is None else None,
            named,
            choice=choice,
            device=torch.device("cpu"),
            dtype=torch.float32,
            work=Workload(),
            keep_quantized=keep,
            notify=told.append,
        )

    return found


@pytest.fixture
def cached(tmp_path, monkeypatch) -> Path:
    """The model's files, as the cache of Hugging Face tools has them."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    repository = tmp_path / "cache" / "models--Qwen--Qwen2-VL-2B-Instruct"
    snapshot: Path = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    write_qwen(snapshot)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    return snapshot


def test_files_as_published_are_used_where_nothing_is_quantized(find, cached, told):
    assert find("none") == Weights(cached, COMMIT, "none")
    assert told == []


def test_a_quantized_copy_is_made_once_and_then_found(find, cached, told):
    first = find("nf4")
    assert (first.revision, first.quantization) == (COMMIT, "nf4")
    assert first.folder != cached
    assert len(told) == 1
    assert find("nf4") == first
    assert len(told) == 1


def test_a_copy_goes_on_working_without_its_original(find, cached):
    first = find("int8")
    shutil.rmtree(cached.parents[1])
    assert find("int8") == first
    assert find("auto") == first
    for choice in ("none", "nf4"):
        with pytest.raises(BackboneLoadError, match="not on this machine"):
            find(choice)


def test_a_copy_that_does_not_fit_is_refused(find, cached, monkeypatch):
    find("int8")
    shutil.rmtree(cached.parents[1])
    monkeypatch.setattr(precision, "free_memory", lambda device: 2**20)
    with pytest.raises(OutOfMemoryError):
        find("auto")


def test_of_two_copies_the_one_that_leaves_room_for_the_work_is_taken(find, cached, monkeypatch):
    find("int8")
    find("nf4")
    shutil.rmtree(cached.parents[1])
    assert find("auto").quantization == "int8"
    need = memory_need(SPEC, "nf4", torch.float32, Workload())
    for module in (precision, weights):
        monkeypatch.setattr(module, "free_memory", lambda device: int(need.total * 1.15) + 1)
    assert find("auto").quantization == "nf4"


def test_no_copy_is_made_or_used_where_the_user_wants_none(find, cached):
    assert find("nf4", keep=False) == Weights(cached, COMMIT, "nf4")
    assert Store().pulled() == []


def test_without_room_for_a_copy_the_files_are_quantized_while_loading(
    find, cached, told, monkeypatch
):
    monkeypatch.setattr(Published, "_size", lambda self, quantization: 2**60)
    assert find("nf4") == Weights(cached, COMMIT, "nf4")
    assert told[-1].startswith("the quantized copy cannot be kept: ")


def test_without_memory_for_a_copy_the_files_are_quantized_while_loading(
    find, cached, told, monkeypatch
):
    def refuse(*_: object) -> None:
        raise OutOfMemoryError("Device 'cuda' has not enough memory")

    monkeypatch.setattr(Published, "_write", refuse)
    assert find("nf4") == Weights(cached, COMMIT, "nf4")
    assert told[-1] == "the quantized copy cannot be kept: Device 'cuda' has not enough memory"


def test_a_copy_in_a_folder_of_the_user_s_is_used_as_it_is(find, cached, tmp_path):
    target = tmp_path / "copy"
    Published(SPEC, cached, SOURCE).write_quantized(target, "nf4", torch.device("cpu"))
    assert find("auto", target) == Weights(target, COMMIT, "nf4")


def test_a_folder_that_is_quantized_already_is_judged_by_the_bits_that_it_has(
    find, cached, tmp_path, monkeypatch
):
    target = tmp_path / "copy"
    Published(SPEC, cached, SOURCE).write_quantized(target, "int8", torch.device("cpu"))
    needs = {
        bits: memory_need(SPEC, bits, torch.float32, Workload()).weights for bits in precision.ORDER
    }
    between = (needs["nf4"] + needs["int8"]) // 2
    monkeypatch.setattr(precision, "free_memory", lambda device: between)
    for choice in ("auto", "int8"):
        with pytest.raises(OutOfMemoryError, match=r"its weights \(int8\)") as caught:
            find(choice, target)
        assert caught.value.hint is not None
        assert "--quant" not in caught.value.hint
    monkeypatch.setattr(precision, "free_memory", lambda device: needs["int8"])
    assert find("auto", target) == Weights(target, COMMIT, "int8")
    with pytest.raises(ConfigError, match=r"already \(int8\)"):
        find("nf4", target)


def test_files_that_are_trained_on_in_their_folder_are_another_revision(find, tmp_path):
    folder = tmp_path / "mine"
    write_qwen(folder)
    first, copied = find("none", folder), find("nf4", folder)
    assert first.revision == copied.revision is not None
    for path in folder.glob("*.safetensors"):
        trained = {name: tensor + 0.1 for name, tensor in load_file(path).items()}
        save_file(trained, path, metadata={"format": "pt"})
    later, copied_later = find("none", folder), find("nf4", folder)
    assert later.revision == copied_later.revision != first.revision


def test_files_that_are_nowhere_get_the_command_that_fetches_them(find, tmp_path):
    with pytest.raises(BackboneLoadError, match="not on this machine") as caught:
        find("none")
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("linvt models pull qwen2-vl-2b")
    assert find_files(None, tmp_path) == tmp_path


def test_the_repository_is_that_of_the_name_or_of_the_row():
    assert source_of_weights(SPEC, "hub:me/mine@v1") == HubSource("me/mine", "v1")
    assert source_of_weights(SPEC, SPEC.name) == SOURCE
    assert source_of_weights(find_backbone("nano"), "nano") is None


def test_what_is_quantized_ahead_is_named_like_any_model(find, cached, tmp_path):
    assert find_published("qwen2-vl-2b") == Published(SPEC, cached, SOURCE)
    assert find_published(str(cached)).source is None
    shutil.rmtree(cached)
    with pytest.raises(BackboneLoadError):
        find_published("qwen2-vl-2b")
