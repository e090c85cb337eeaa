from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest
import torch
from safetensors.torch import load_file, save_file

from linvt_cli.backbones.base import TunableBackbone
from linvt_cli.backbones.lora import CONFIG_FILE, WEIGHTS_FILE, apply_lora
from linvt_cli.errors import CheckpointCorruptError, ConfigError
from linvt_cli.training.tuning.adapter import (
    add_lora,
    linear_layers,
    load_lora,
    save_lora,
    set_dropout,
)
from linvt_cli.training.tuning.settings import LoraShape
from tests.tiny_models import tiny_nano

SHAPE = LoraShape(rank=2, alpha=4, dropout=0.5)


def frozen_nano() -> TunableBackbone:
    backbone = cast("TunableBackbone", tiny_nano())
    backbone.model.requires_grad_(False)
    return backbone


def logits(backbone: TunableBackbone) -> torch.Tensor:
    with torch.no_grad():
        return backbone.step(backbone.embed_text(backbone.encode_question("Why?"))[None], None)[0]


def learn_something(backbone: TunableBackbone) -> None:
    torch.manual_seed(2)
    with torch.no_grad():
        for weight in backbone.decoder().parameters():
            if weight.requires_grad:
                weight.normal_(std=0.1)


def test_a_new_lora_changes_nothing_and_alone_takes_gradients():
    backbone = frozen_nano()
    before = logits(backbone)
    add_lora(backbone, SHAPE)
    set_dropout(backbone.decoder(), active=False)
    assert torch.equal(logits(backbone), before)
    taking = [name for name, w in backbone.decoder().named_parameters() if w.requires_grad]
    assert taking
    assert all("lora_" in name for name in taking)


def test_only_linear_layers_of_the_language_model_get_one():
    names = linear_layers(frozen_nano().decoder())
    assert names == ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]


def test_dropout_is_that_of_the_lora_alone():
    backbone = frozen_nano()
    add_lora(backbone, SHAPE)
    learn_something(backbone)
    set_dropout(backbone.decoder(), active=True)
    assert not torch.equal(logits(backbone), logits(backbone))
    assert not backbone.decoder().training
    set_dropout(backbone.decoder(), active=False)
    assert torch.equal(logits(backbone), logits(backbone))


def test_a_written_lora_is_read_with_and_without_peft(tmp_path):
    backbone = frozen_nano()
    model = add_lora(backbone, SHAPE)
    learn_something(backbone)
    set_dropout(backbone.decoder(), active=False)
    save_lora(model, tmp_path / "adapter", base_model="owner/name")
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "adapter",
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["base_model_name_or_path"] == "owner/name"

    plain = frozen_nano()
    apply_lora(plain, tmp_path / "adapter")
    torch.testing.assert_close(logits(plain), logits(backbone), rtol=1e-5, atol=1e-5)

    again = frozen_nano()
    load_lora(add_lora(again, SHAPE), tmp_path / "adapter")
    set_dropout(again.decoder(), active=False)
    assert torch.equal(logits(again), logits(backbone))


def test_without_peft_the_stage_is_refused(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="PEFT") as caught:
        add_lora(frozen_nano(), SHAPE)
    assert ".[train]" in (caught.value.hint or "")


@pytest.fixture
def written(tmp_path) -> Path:
    folder: Path = tmp_path / "adapter"
    save_lora(add_lora(frozen_nano(), SHAPE), folder, base_model="owner/name")
    return folder


@pytest.mark.parametrize(
    ("shape", "said", "hint"),
    [
        (LoraShape(rank=4, alpha=8), "rank 2 and weight 2, and rank 4 with", "--lora-rank 2"),
        (LoraShape(rank=2, alpha=2), "weight 2, and rank 2 with weight 1", "linvt train"),
    ],
    ids=["rank", "weight"],
)
def test_a_lora_of_another_shape_is_refused(written, shape, said, hint):
    with pytest.raises(ConfigError, match=said) as caught:
        load_lora(add_lora(frozen_nano(), shape), written)
    assert hint in (caught.value.hint or "")


def test_a_damaged_lora_is_refused(written):
    weights = written / WEIGHTS_FILE
    weights.write_bytes(weights.read_bytes()[:-5])
    with pytest.raises(CheckpointCorruptError, match="cannot be read"):
        load_lora(add_lora(frozen_nano(), SHAPE), written)
    (written / CONFIG_FILE).unlink()
    with pytest.raises(CheckpointCorruptError, match="cannot be read"):
        load_lora(add_lora(frozen_nano(), SHAPE), written)


@pytest.mark.parametrize("change", ["fewer", "more", "wider"])
def test_a_lora_for_other_layers_is_refused(written, change):
    tensors = load_file(written / WEIGHTS_FILE)
    name = next(iter(tensors)).rpartition(".lora_")[0]
    down, up = f"{name}.lora_A.weight", f"{name}.lora_B.weight"
    if change == "fewer":
        del tensors[down], tensors[up]
    elif change == "more":
        tensors["base_model.model.head.lora_A.weight"] = tensors[down].clone()
        tensors["base_model.model.head.lora_B.weight"] = tensors[up].clone()
    else:
        tensors[down] = torch.zeros(2, tensors[down].shape[1] + 1)
    save_file(tensors, written / WEIGHTS_FILE)
    with pytest.raises(CheckpointCorruptError, match="is for other layers"):
        load_lora(add_lora(frozen_nano(), SHAPE), written)
