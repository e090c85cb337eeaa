"""Checkpoints that others quantized, as bitsandbytes writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers.models.qwen2_vl import Qwen2VLForConditionalGeneration

from linvt_cli.backbones.prequantized import layers_left_alone, stored_quantization
from linvt_cli.backbones.quantization import quantization_settings
from linvt_cli.backbones.registry import find_backbone, load_backbone
from linvt_cli.config import Quantization
from linvt_cli.errors import BackboneLoadError
from tests.all_backbones import frames
from tests.tiny_checkpoints import write_config
from tests.tiny_internvl2 import write_internvl2
from tests.tiny_qwen2_vl import write_qwen

bitsandbytes: Any = pytest.importorskip("bitsandbytes")
NF4 = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
INT8 = {"quant_method": "bitsandbytes", "load_in_8bit": True}


def load(folder: Path, quantization: Quantization, name: str = "qwen2-vl-2b") -> Any:
    return load_backbone(
        find_backbone(name),
        folder=folder,
        device=torch.device("cpu"),
        dtype=torch.bfloat16,
        quantization=quantization,
    )


def publish(folder: Path, quantization: Quantization, kept: tuple[str, ...]) -> Path:
    """Quantize a tiny Qwen2-VL but for some modules, as a third party would, and say little of it.

    The list of what was left alone is written in the old style, which fits no full name.
    """
    original, published = folder / "original", folder / "published"
    write_qwen(original)
    model = Qwen2VLForConditionalGeneration.from_pretrained(
        original,
        dtype=torch.bfloat16,
        quantization_config=quantization_settings(quantization, torch.bfloat16, kept),
    )
    model.save_pretrained(published)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (published / file).write_bytes((original / file).read_bytes())
    raw = json.loads((published / "config.json").read_text(encoding="utf-8"))
    raw["quantization_config"]["llm_int8_skip_modules"] = ["lm_head", "visual"]
    (published / "config.json").write_text(json.dumps(raw), encoding="utf-8")
    return published


@pytest.mark.parametrize(
    ("settings", "expected"), [({}, "none"), (None, "none"), (NF4, "nf4"), (INT8, "int8")]
)
def test_the_configuration_says_how_weights_are_quantized(tmp_path, settings, expected):
    write_config(tmp_path, {"quantization_config": settings})
    assert stored_quantization(tmp_path) == expected


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"quant_method": "gptq", "bits": 4}, "gptq"),
        ({"quant_method": "awq"}, "awq"),
        ({**NF4, "bnb_4bit_quant_type": "fp4"}, "bitsandbytes fp4"),
    ],
)
def test_other_quantizations_are_refused_with_their_name(tmp_path, settings, found):
    write_config(tmp_path, {"quantization_config": settings})
    with pytest.raises(BackboneLoadError, match=f"are quantized by {found}") as caught:
        stored_quantization(tmp_path)
    assert caught.value.hint is not None
    assert "as first published" in caught.value.hint


def test_layers_that_were_left_alone_are_found_by_the_files_themselves():
    shapes: dict[str, tuple[int, ...]] = {
        "visual.blocks.0.mlp.fc1.weight": (8, 8),
        "model.embed_tokens.weight": (8, 8),
        "model.layers.0.input_layernorm.weight": (8,),
        "model.layers.0.mlp.up_proj.weight": (32, 1),
        "model.layers.0.mlp.up_proj.weight.absmax": (1,),
        "model.layers.1.mlp.up_proj.weight": (8, 8),
        "model.layers.2.mlp.up_proj.weight": (8, 8),
        "model.layers.2.mlp.up_proj.SCB": (8,),
    }
    assert layers_left_alone(Path("here"), shapes, ("model.visual", "lm_head")) == (
        "layers.1.mlp.up_proj",
    )


@torch.no_grad()
@pytest.mark.parametrize("quantization", ["nf4", "int8"])
def test_a_quantized_copy_is_read_as_its_files_are_and_not_as_its_list_says(tmp_path, quantization):
    alone = "model.language_model.layers.1.mlp.up_proj"
    published = publish(tmp_path, quantization, ("model.visual", "lm_head", alone))
    backbone = load(published, quantization)
    small = (bitsandbytes.nn.Linear4bit, bitsandbytes.nn.Linear8bitLt)
    quantized = {name for name, part in backbone.model.named_modules() if isinstance(part, small)}
    assert quantized
    assert all(name.startswith("model.language_model.layers.") for name in quantized)
    assert alone not in quantized
    full = load(tmp_path / "original", "none")
    features = backbone.encode_frames(frames(1)).tokens
    torch.testing.assert_close(features, full.encode_frames(frames(1)).tokens)


def test_a_copy_whose_vision_tower_is_quantized_too_is_refused(tmp_path):
    published = publish(tmp_path, "int8", ("lm_head",))
    with pytest.raises(BackboneLoadError, match=r"needs full precision: .*visual\.") as caught:
        load(published, "int8")
    assert caught.value.hint is not None
    assert "as first published" in caught.value.hint


def test_a_quantized_copy_cannot_be_had_in_another_quantization(tmp_path):
    published = publish(tmp_path, "int8", ("model.visual", "lm_head"))
    with pytest.raises(BackboneLoadError, match="quantized already: int8, not nf4"):
        load(published, "nf4")


def test_a_quantized_copy_in_a_layout_that_is_taken_apart_is_refused(tmp_path):
    write_internvl2(tmp_path, "internlm2")
    raw = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    write_config(tmp_path, {**raw, "quantization_config": NF4})
    with pytest.raises(BackboneLoadError, match="would have to be taken apart"):
        load(tmp_path, "nf4", "internvl2-2b")
