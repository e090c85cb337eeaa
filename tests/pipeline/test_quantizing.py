from __future__ import annotations

import gc
import json
import weakref
from typing import Any

import pytest
import torch

from linvt_cli.backbones.quantized_copy import published_dtype
from linvt_cli.backbones.registry import find_backbone, load_backbone
from linvt_cli.errors import BackboneLoadError, ConfigError, OutOfMemoryError
from linvt_cli.pipeline import quantizing
from linvt_cli.pipeline.quantizing import Published, require_published
from tests.tiny_internvl2 import write_internvl2

bitsandbytes: Any = pytest.importorskip("bitsandbytes")
SPEC, CPU = find_backbone("internvl2-2b"), torch.device("cpu")


@pytest.fixture
def published(tmp_path, monkeypatch) -> Published:
    monkeypatch.setenv("LINVT_HOME", str(tmp_path / "home"))
    folder = tmp_path / "tiny"
    folder.mkdir()
    write_internvl2(folder, "internlm2")
    return Published(SPEC, folder, None)


@pytest.fixture
def _small(monkeypatch):
    monkeypatch.setattr(Published, "_size", lambda self, quantization: 0)


@pytest.mark.usefixtures("_small")
def test_what_is_kept_is_quantized_once(published):
    told: list[str] = []
    first = published.keep_quantized("nf4", CPU, told.append)
    again = published.keep_quantized("nf4", CPU, told.append)
    assert first.folder == again.folder
    assert told == ["quantizing 'internvl2-2b' to nf4: once, and kept"]
    assert again.last_used is not None


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("quantization", ["int8", "nf4"])
def test_what_a_copy_was_made_of_is_gone_before_the_copy_is_loaded(
    published, monkeypatch, quantization
):
    layers: list[weakref.ref[Any]] = []

    def load(*args: Any, **options: Any) -> Any:
        backbone: Any = load_backbone(*args, **options)
        layers.extend(map(weakref.ref, backbone.decoder().modules()))
        return backbone

    monkeypatch.setattr(quantizing, "load_backbone", load)
    gc.disable()  # as the command line does while it loads
    try:
        published.keep_quantized(quantization, CPU, lambda _: None)
        assert layers
        assert not any(layer() for layer in layers)
    finally:
        gc.enable()


def test_a_folder_of_the_user_s_gets_a_whole_copy(published, tmp_path):
    target = tmp_path / "new" / "copy"
    published.write_quantized(target, "int8", CPU)
    config = json.loads((target / "config.json").read_text(encoding="utf-8"))
    assert config["quantization_config"]["load_in_8bit"]
    assert [path.name for path in target.parent.iterdir()] == ["copy"]
    with pytest.raises(ConfigError, match="is there already"):
        published.write_quantized(target, "int8", CPU)
    with pytest.raises(ConfigError, match="quantized already"):
        require_published(SPEC, target, None)


def test_what_cannot_be_loaded_leaves_no_folder(published, tmp_path):
    next(published.folder.glob("*.safetensors")).unlink()
    target = tmp_path / "new" / "copy"
    with pytest.raises(BackboneLoadError):
        published.write_quantized(target, "nf4", CPU)
    assert list(target.parent.iterdir()) == []


def test_where_the_files_are_too_wide_for_memory_a_copy_has_the_bits_that_it_computes_in(
    published, tmp_path, monkeypatch
):
    tried: list[torch.dtype] = []
    quantize = bitsandbytes.nn.Params4bit._quantize

    def short_of_memory(weight: Any, device: torch.device) -> Any:
        if weight.dtype not in tried[-1:]:
            tried.append(weight.dtype)
        if weight.dtype == torch.float32:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return quantize(weight, device)

    monkeypatch.setattr(bitsandbytes.nn.Params4bit, "_quantize", short_of_memory)
    target = tmp_path / "copy"
    with pytest.raises(OutOfMemoryError):
        published.write_quantized(target, "nf4", CPU)
    assert tried == [torch.float32]
    tried.clear()
    monkeypatch.setattr(quantizing, "select_dtype", lambda *_, **__: torch.bfloat16)
    published.write_quantized(target, "nf4", CPU)
    assert tried == [torch.float32, torch.bfloat16]
    assert published_dtype(target) == torch.bfloat16


def test_the_room_for_a_copy_is_that_of_its_number_format(published, monkeypatch):
    sizes = {}
    for dtype in (torch.bfloat16, torch.float32):
        monkeypatch.setattr(Published, "_published_dtype", lambda self, dtype=dtype: dtype)
        sizes[dtype] = published._size("nf4")
    assert SPEC.shapes is not None
    unquantized = SPEC.parameters - SPEC.shapes.quantized
    assert sizes[torch.float32] - sizes[torch.bfloat16] == 2 * unquantized


def test_nano_is_never_quantized(tmp_path):
    with pytest.raises(ConfigError, match="too small"):
        require_published(find_backbone("nano"), tmp_path, None)
