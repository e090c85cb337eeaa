from __future__ import annotations

import logging

import pytest
import torch
from transformers import PreTrainedModel
from transformers.models.siglip import SiglipVisionModel

from linvt_cli.backbones import attention, original_layout
from linvt_cli.backbones.attention import AttentionChoice, choose_attention, fall_back
from linvt_cli.backbones.registry import find_backbone, load_backbone
from tests.all_backbones import frames
from tests.tiny_blip3 import write_blip3
from tests.tiny_internvl2 import write_internvl2

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


class Unsupported(PreTrainedModel):
    """A class that makes no promise of flash-attn."""


@pytest.fixture
def flash(monkeypatch: pytest.MonkeyPatch):
    """Pretend that flash-attn is there or not, and how new the GPU is."""

    def pretend(*, installed: bool = True, capability: tuple[int, int] = (9, 0)) -> None:
        monkeypatch.setattr(attention, "is_flash_attn_2_available", lambda: installed)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)

    return pretend


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_flash_attn_is_taken_where_it_can_run(flash, dtype):
    flash()
    assert choose_attention(CUDA, dtype, SiglipVisionModel).implementation == "flash_attention_2"


@pytest.mark.parametrize(
    ("device", "dtype", "installed", "capability", "reason"),
    [
        (CPU, torch.bfloat16, True, (9, 0), "needs a CUDA device"),
        (CUDA, torch.float32, True, (9, 0), "16 bits only"),
        (CUDA, torch.bfloat16, False, (9, 0), "not installed"),
        (CUDA, torch.float16, True, (7, 5), "Ampere"),
    ],
)
def test_elsewhere_pytorchs_own_attention_is_taken_with_the_reason(
    flash, device, dtype, installed, capability, reason
):
    flash(installed=installed, capability=capability)
    choice = choose_attention(device, dtype, SiglipVisionModel)
    assert choice.implementation == "sdpa"
    assert reason in choice.reason


def test_a_class_without_flash_attn_gets_pytorchs_own(flash):
    flash()
    choice = choose_attention(CUDA, torch.bfloat16, Unsupported)
    assert choice == AttentionChoice("sdpa", "Unsupported does not support flash-attn")


def test_a_failure_is_told_in_one_line():
    assert fall_back(ImportError("undefined symbol\nmore")).reason == (
        "flash-attn failed: undefined symbol"
    )
    assert fall_back(ImportError()).reason == "flash-attn failed: ImportError"


def test_where_flash_attn_fails_while_loading_the_model_runs_without_it(
    tmp_path, monkeypatch, caplog
):
    # It is not installed where tests run: transformers refuses it, as it refuses a broken one
    wished = AttentionChoice("flash_attention_2", "wished for")
    monkeypatch.setattr(original_layout, "choose_attention", lambda *_: wished)
    write_internvl2(tmp_path, "qwen2")
    with caplog.at_level(logging.WARNING, logger=original_layout.__name__):
        backbone = load_backbone(
            find_backbone("internvl2-1b"), folder=tmp_path, device=CPU, dtype=torch.float32
        )
    assert backbone.model.config._attn_implementation == "sdpa"  # type: ignore[attr-defined]
    assert "flash-attn failed: " in caplog.text
    assert backbone.encode_frames(frames(1)).tokens.isfinite().all()


@torch.no_grad()
def test_the_choice_reaches_every_part_of_a_composed_model(tmp_path, monkeypatch):
    chosen = AttentionChoice("eager", "to tell it from the default")  # type: ignore[arg-type]
    monkeypatch.setattr(original_layout, "choose_attention", lambda *_: chosen)
    write_blip3(tmp_path)
    backbone = load_backbone(
        find_backbone("xgen-mm-dpo"), folder=tmp_path, device=CPU, dtype=torch.float32
    )
    parts = backbone.model.model  # type: ignore[attr-defined]
    for part in (parts.vision_tower, parts.language_model):
        assert part.config._attn_implementation == "eager"
