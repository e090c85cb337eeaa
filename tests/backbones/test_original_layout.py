from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import core_model_loading

from linvt_cli.backbones.internvl2 import InternVL2, OriginalInternVL2, SplitGroups
from linvt_cli.backbones.original_layout import _memory_errors_let_out
from linvt_cli.backbones.registry import find_backbone
from linvt_cli.config import Quantization
from linvt_cli.errors import BackboneLoadError
from tests.tiny_checkpoints import write_config, write_weights
from tests.tiny_internvl2 import Weights, write_internvl2

bitsandbytes: Any = pytest.importorskip("bitsandbytes")


def load(folder: Path, quantization: Quantization = "none") -> InternVL2:
    return InternVL2.load(
        find_backbone("internvl2-2b"),
        folder=folder,
        device=torch.device("cpu"),
        dtype=torch.float32,
        quantization=quantization,
    )


def rewrite(folder: Path, weights: Weights) -> None:
    for file in folder.glob("*.safetensors*"):
        file.unlink()
    write_weights(folder, weights)


def test_a_missing_weight_is_named(tmp_path):
    weights = write_internvl2(tmp_path, "qwen2")
    weights.pop("mlp1.3.weight")
    rewrite(tmp_path, weights)
    with pytest.raises(BackboneLoadError, match=r"lack model\.multi_modal_projector\.linear_2"):
        load(tmp_path)


def test_a_weight_too_many_is_named(tmp_path):
    weights = write_internvl2(tmp_path, "qwen2")
    rewrite(tmp_path, {**weights, "mlp1.5.weight": torch.zeros(3)})
    with pytest.raises(BackboneLoadError, match=r"have unknown mlp1\.5\.weight"):
        load(tmp_path)


def test_a_weight_of_another_shape_is_refused(tmp_path):
    weights = write_internvl2(tmp_path, "qwen2")
    rewrite(tmp_path, {**weights, "mlp1.3.weight": torch.zeros(3, 3)})
    with pytest.raises(BackboneLoadError, match="other shapes than is said of them"):
        load(tmp_path)


def test_a_lora_beside_the_weights_is_refused(tmp_path):
    write_internvl2(tmp_path, "qwen2")
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(BackboneLoadError, match="holds a LoRA"):
        load(tmp_path)


def test_a_damaged_shard_is_refused(tmp_path):
    write_internvl2(tmp_path, "qwen2")
    shard = next(tmp_path.glob("*00001*.safetensors"))
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(BackboneLoadError, match="cannot be loaded"):
        load(tmp_path)


def test_loading_draws_no_bars_and_leaves_transformers_as_it_was(tmp_path, capfd):
    from transformers.utils import logging

    write_internvl2(tmp_path, "qwen2")
    before = (logging.get_verbosity(), logging.is_progress_bar_enabled())
    capfd.readouterr()
    load(tmp_path)
    assert capfd.readouterr() == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


@pytest.mark.parametrize(
    "change", [{"vision_config": None}, {"llm_config": {"model_type": "qwen2", "hidden_size": "x"}}]
)
def test_a_configuration_that_describes_no_model_is_refused(tmp_path, change):
    write_internvl2(tmp_path, "qwen2")
    raw = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    write_config(tmp_path, {**raw, **change})
    with pytest.raises(BackboneLoadError, match=r"config\.json in .* describes no internvl_chat"):
        load(tmp_path)


def test_running_out_of_memory_while_loading_is_not_laid_to_the_files(tmp_path, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")

    write_internvl2(tmp_path, "qwen2")
    monkeypatch.setattr(OriginalInternVL2, "from_pretrained", fail)
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("owner", "name", "quantization"),
    [
        (bitsandbytes.nn.Int8Params, "_quantize", "int8"),
        (bitsandbytes.nn.Params4bit, "_quantize", "nf4"),
        (SplitGroups, "converted", "none"),
        (core_model_loading.Chunk, "convert", "none"),
    ],
)
@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()], ids=lambda e: type(e)
)
def test_running_out_of_memory_over_a_single_weight_is_not_laid_to_the_files(
    tmp_path, monkeypatch, owner, name, quantization, error
):
    tried: list[object] = []

    def fail(*_: object, **__: object) -> None:
        tried.append(None)
        raise error

    write_internvl2(tmp_path, "internlm2")
    monkeypatch.setattr(owner, name, fail)
    with pytest.raises(type(error)) as caught:
        load(tmp_path, quantization)
    assert caught.value is error
    assert len(tried) == 1  # the weights behind it are not tried


def test_a_version_of_transformers_that_has_no_such_log_is_left_alone(monkeypatch):
    monkeypatch.delattr(core_model_loading, "log_conversion_errors")
    with _memory_errors_let_out():
        pass


def test_what_else_fails_over_a_single_weight_is_laid_to_the_files(tmp_path, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("shapes do not fit")

    write_internvl2(tmp_path, "internlm2")
    before = core_model_loading.log_conversion_errors
    monkeypatch.setattr(SplitGroups, "converted", fail)
    with pytest.raises(BackboneLoadError, match="cannot be loaded"):
        load(tmp_path)
    assert core_model_loading.log_conversion_errors is before
