from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from linvt_cli.backbones.base import TunableBackbone
from linvt_cli.backbones.lora import LowRank, _add, apply_lora, read_lora
from linvt_cli.errors import CheckpointCorruptError, CheckpointMismatchError
from linvt_cli.training.tuning.adapter import linear_layers
from tests.all_backbones import BUILDERS
from tests.tiny_models import tiny_nano

# PEFT asks transformers under a name that is going out of use.
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")

NAMES = ("tiny nano", "qwen2-vl", "internvl2 with phi3", "molmo 7b-d", "molmo moe", "blip-3")


def fresh(name: str) -> TunableBackbone:
    return cast("TunableBackbone", BUILDERS[name]())


def save(model: Any, folder: Path) -> None:
    model.save_pretrained(str(folder), save_embedding_layers=False)


def with_lora(backbone: TunableBackbone, **changes: Any) -> Any:
    """Give a language model a LoRA by PEFT, with weights that change what it says."""
    decoder: Any = backbone.decoder()
    targets = linear_layers(decoder)  # experts are none
    model: Any = get_peft_model(
        decoder, LoraConfig(**{"r": 3, "lora_alpha": 6, "target_modules": targets, **changes})
    )
    torch.manual_seed(1)
    for name, weight in decoder.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(weight, std=0.1)
    return model.eval()


def logits(backbone: TunableBackbone) -> torch.Tensor:
    embeds = backbone.embed_text(backbone.encode_question("What happens to it?"))[None]
    return backbone.step(embeds, None)[0]


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_a_lora_by_peft_gives_the_same_without_peft(name, tmp_path):
    trained = fresh(name)
    plain = logits(trained)
    save(with_lora(trained), tmp_path)
    expected = logits(trained)
    assert not torch.allclose(plain, expected, atol=1e-3)
    backbone = fresh(name)
    apply_lora(backbone, tmp_path)
    torch.testing.assert_close(logits(backbone), expected, rtol=1e-4, atol=1e-4)


class Packed(nn.Linear):
    """A layer whose weights are packed, as those of bitsandbytes are."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__(4, 3, bias=False, dtype=dtype)
        self.matrix = self.weight.data
        self.weight = nn.Parameter(torch.zeros(6, 1, dtype=torch.uint8), requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.matrix.to(x.dtype).T


class Casts(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts tensors that are cast."""

    number = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.number += func is torch.ops.aten._to_copy.default
        return func(*args, **(kwargs or {}))


@torch.no_grad()
def test_a_quantized_layer_has_it_computed_beside():
    layer = Packed(torch.float32)
    low_rank = LowRank(torch.randn(2, 4), torch.randn(3, 2), 0.5)
    x = torch.randn(5, 4)
    expected = x @ (layer.matrix + low_rank.weight()).T
    _add(layer, low_rank, torch.float32)
    torch.testing.assert_close(layer(x), expected)


def test_beside_a_quantized_layer_it_is_cast_once_and_not_for_every_token():
    layer = Packed(torch.bfloat16)
    low_rank = LowRank(torch.randn(2, 4), torch.randn(3, 2), 0.3)
    x = torch.randn(5, 4, dtype=torch.bfloat16)
    down, up = (matrix.bfloat16() for matrix in (low_rank.down, 0.3 * low_rank.up))
    expected = layer(x) + x @ down.T @ up.T
    _add(layer, low_rank, torch.bfloat16)
    with torch.inference_mode(), Casts() as casts:  # type: ignore[no-untyped-call]
        assert torch.equal(layer(x), expected)
    assert casts.number == 0
    x.requires_grad_()
    layer(x).sum().backward()  # what has answered may be trained around
    assert x.grad is not None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_beside_a_quantized_layer_it_follows_what_it_is_given(dtype):
    torch.manual_seed(0)
    layer = Packed(torch.bfloat16)
    low_rank = LowRank(torch.randn(2, 4), torch.randn(3, 2), 0.5)
    x = torch.randn(5, 4, dtype=dtype)
    expected = layer(x) + x @ low_rank.weight().to(dtype).T
    _add(layer, low_rank, torch.bfloat16)
    assert layer(x).dtype == dtype
    torch.testing.assert_close(layer(x), expected, atol=0.05, rtol=0.02)


@pytest.mark.parametrize("changes", [{"use_dora": True}, {"bias": "all"}], ids=str)
def test_other_arithmetic_is_refused(changes, tmp_path):
    save(with_lora(tiny_nano(), **changes), tmp_path)
    with pytest.raises(CheckpointCorruptError, match="no plain LoRA"):
        read_lora(tmp_path)


def test_the_scale_of_rank_stabilized_lora_is_its_own(tmp_path):
    save(with_lora(tiny_nano(), use_rslora=True), tmp_path)
    assert next(iter(read_lora(tmp_path).values())).scale == pytest.approx(6 / 3**0.5)


def test_a_lora_of_another_model_is_refused(tmp_path):
    save(with_lora(fresh("qwen2-vl")), tmp_path)
    with pytest.raises(CheckpointMismatchError, match="is for"):
        apply_lora(tiny_nano(), tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        *(
            f'{{"peft_type": "LORA", "r": {rank}, "lora_alpha": {alpha}}}'
            for rank, alpha in ((0, 1), (-1, "NaN"), ("1e999", 1), ("NaN", 1), (3, "Infinity"))
        ),
    ],
    ids=lambda text: text[-40:],
)
def test_numbers_that_only_harm_are_refused(text, tmp_path):
    save(with_lora(tiny_nano()), tmp_path)
    (tmp_path / "adapter_config.json").write_text(text, encoding="utf-8")
    with pytest.raises(CheckpointCorruptError, match="cannot be read"):
        read_lora(tmp_path)


@pytest.mark.parametrize("damage", ["no weights", "no config", "no JSON", "half a pair", "cut off"])
def test_damaged_files_are_refused(damage, tmp_path):
    from safetensors.torch import load_file, save_file

    save(with_lora(tiny_nano()), tmp_path)
    config, weights = tmp_path / "adapter_config.json", tmp_path / "adapter_model.safetensors"
    match damage:
        case "no weights":
            weights.unlink()
        case "no config":
            config.unlink()
        case "no JSON":
            config.write_text(json.dumps([1]), encoding="utf-8")
        case "half a pair":
            tensors = load_file(weights)
            tensors.pop(min(tensors))
            save_file(tensors, weights)
        case "cut off":
            weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(CheckpointCorruptError) as caught:
        read_lora(tmp_path)
    assert caught.value.hint
