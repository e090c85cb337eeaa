from __future__ import annotations

import json
from typing import Any, cast

import pytest
import torch

from linvt_cli.backbones.base import TunableBackbone
from linvt_cli.backbones.lora import apply_lora
from linvt_cli.errors import ConfigError
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
    import sys

    absent: Any = None
    monkeypatch.setitem(sys.modules, "peft", absent)
    with pytest.raises(ConfigError, match="PEFT") as caught:
        add_lora(frozen_nano(), SHAPE)
    assert "linvt[train]" in (caught.value.hint or "")
