"""Quantized copies answer as the model that they were made from, bit for bit."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError, safe_open

from linvt_cli.backbones import image_llm, quantized_copy
from linvt_cli.backbones.copy_description import is_copy
from linvt_cli.backbones.molmo_layout import VOCABULARY
from linvt_cli.backbones.quantized_copy import published_dtype, write_copy
from linvt_cli.backbones.registry import find_backbone, load_backbone
from linvt_cli.config import Quantization
from linvt_cli.errors import BackboneLoadError
from tests.all_backbones import frames
from tests.public_layouts import LAYOUTS
from tests.tiny_checkpoints import write_weights
from tests.tiny_molmo import write_molmo
from tests.tiny_qwen2_vl import write_qwen

pytest.importorskip("bitsandbytes")
MIXTURES = {"molmo moe"}  # their matrix products depend on where in memory a weight lies


def load(folder: Path, model: str, quantization: Quantization) -> Any:
    return load_backbone(
        find_backbone(model),
        folder=folder,
        device=torch.device("cpu"),
        dtype=torch.float32,
        quantization=quantization,
    )


def copy_of(backbone: Any, original: Path, target: Path, quantization: Quantization) -> Path:
    target.mkdir()
    write_copy(
        backbone.model,
        original,
        target,
        version="ab" * 8,
        quantization=quantization,
        full_precision=backbone.full_precision,
    )
    return target


@torch.no_grad()
@pytest.mark.parametrize("quantization", ["int8", "nf4"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_copy_answers_bit_for_bit_as_what_was_quantized(tmp_path, layout, quantization):
    original = tmp_path / "original"
    original.mkdir()
    LAYOUTS[layout].write(original)
    fresh = load(original, LAYOUTS[layout].model, quantization)
    copied = copy_of(fresh, original, tmp_path / "copy", quantization)
    for file in original.glob("*.safetensors"):
        file.unlink()  # a copy needs nothing of its original
    again = load(copied, LAYOUTS[layout].model, quantization)

    seen, seen_again = (one.encode_frames(frames(2)).tokens for one in (fresh, again))
    assert torch.equal(seen, seen_again)
    embeds = torch.randn(1, 7, fresh.embed_dim, generator=torch.Generator().manual_seed(0))
    logits, logits_again = (one.step(embeds, None)[0] for one in (fresh, again))
    if layout in MIXTURES:
        torch.testing.assert_close(logits, logits_again, rtol=1e-5, atol=1e-5)
    else:
        assert torch.equal(logits, logits_again)
    assert fresh.render_prompt("What moves?") == again.render_prompt("What moves?")


def test_shards_are_small_and_hold_each_weight_once(tmp_path, monkeypatch):
    monkeypatch.setattr(quantized_copy, "SHARD_SIZE", 40_000)
    (tmp_path / "original").mkdir()
    write_qwen(tmp_path / "original")
    fresh = load(tmp_path / "original", "qwen2-vl-2b", "nf4")
    copied = copy_of(fresh, tmp_path / "original", tmp_path / "copy", "nf4")
    shards = sorted(copied.glob("*.safetensors"))
    assert len(shards) > 2
    index = json.loads((copied / "model.safetensors.index.json").read_text(encoding="utf-8"))
    seen: list[str] = []
    for shard in shards:
        with safe_open(shard, framework="pt") as file:
            names = list(file.keys())
        assert {index["weight_map"][name] for name in names} == {shard.name}
        seen += names
    assert len(seen) == len(set(seen)) == len(index["weight_map"])
    assert load(copied, "qwen2-vl-2b", "nf4").embed_dim == fresh.embed_dim


@pytest.mark.parametrize(
    ("text", "code"),
    [("I/O error: No space left on device (os error 28)", errno.ENOSPC), ("odd", errno.EIO)],
)
def test_a_disk_that_fails_is_an_error_of_the_system(tmp_path, monkeypatch, text, code):
    def fail(*_: object, **__: object) -> None:
        raise SafetensorError(text)

    monkeypatch.setattr(quantized_copy, "save_file", fail)
    with pytest.raises(OSError, match=os.strerror(code)) as caught:
        quantized_copy._write_weights(torch.nn.Linear(2, 2), tmp_path)  # type: ignore[arg-type]
    assert caught.value.errno == code


def test_a_copy_says_what_it_is(tmp_path):
    (tmp_path / "original").mkdir()
    write_qwen(tmp_path / "original")
    fresh = load(tmp_path / "original", "qwen2-vl-2b", "int8")
    copied = copy_of(fresh, tmp_path / "original", tmp_path / "copy", "int8")
    assert is_copy(copied)
    assert not is_copy(tmp_path / "original")
    about = json.loads((copied / "linvt_copy.json").read_text(encoding="utf-8"))
    assert (about["format_version"], about["quantization"]) == (1, "int8")
    with pytest.raises(BackboneLoadError, match="quantized already: int8, not nf4"):
        load(copied, "qwen2-vl-2b", "nf4")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_format_of_most_numbers_is_that_of_the_files(tmp_path, dtype):
    weights = {"large": torch.ones(64, 64, dtype=dtype), "small": torch.ones(4)}
    write_weights(tmp_path, {**weights, "counts": torch.ones(8, dtype=torch.int64)})
    assert published_dtype(tmp_path) == dtype


def test_the_vision_encoder_of_a_copy_is_not_tested_again(tmp_path, monkeypatch):
    tests: list[Path] = []
    monkeypatch.setattr(
        image_llm, "require_working_tower", lambda encode, folder, dtype: tests.append(folder)
    )
    (tmp_path / "original").mkdir()
    write_qwen(tmp_path / "original")
    fresh = load(tmp_path / "original", "qwen2-vl-2b", "nf4")
    copied = copy_of(fresh, tmp_path / "original", tmp_path / "copy", "nf4")
    load(copied, "qwen2-vl-2b", "nf4")
    assert tests == [tmp_path / "original"]
    fetched = tmp_path / "fetched"
    shutil.copytree(copied, fetched, copy_function=shutil.copyfile)
    load(fetched, "qwen2-vl-2b", "nf4")
    assert tests == [tmp_path / "original", fetched]


def test_a_copy_described_wrongly_is_refused_with_the_file_to_blame(tmp_path):
    (tmp_path / "original").mkdir()
    write_molmo(tmp_path / "original")
    fresh = load(tmp_path / "original", "molmo-7b-d", "int8")
    copied = copy_of(fresh, tmp_path / "original", tmp_path / "copy", "int8")
    path = copied / "linvt_copy.json"
    about = json.loads(path.read_text(encoding="utf-8"))
    vocabulary, width = about["shapes"][VOCABULARY]
    about["shapes"][VOCABULARY] = [vocabulary + 1, width]
    about["parameters"] += width
    path.write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(BackboneLoadError, match="have other shapes than is said") as caught:
        load(copied, "molmo-7b-d", "int8")
    assert caught.value.hint is not None
    assert "linvt_copy.json describes other weights" in caught.value.hint
