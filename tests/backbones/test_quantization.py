from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from linvt_cli.backbones.four_bits_on_cpu import settle_four_bits
from linvt_cli.backbones.quantization import quantization_settings
from linvt_cli.backbones.registry import find_backbone, load_backbone
from linvt_cli.config import Quantization
from linvt_cli.types import Frames, VideoInfo
from tests.public_layouts import LAYOUTS

bitsandbytes: Any = pytest.importorskip("bitsandbytes")
EVERY_LAYOUT = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


def noise() -> Frames:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 80, 120, 3), dtype=np.uint8)
    video = VideoInfo(Path("noise.mp4"), 120, 80, 10.0, 100, "mpeg4", "opencv")
    return Frames(pixels, (0.0, 1.0), video, coverage=1.0)


def test_nothing_is_told_where_nothing_is_quantized():
    assert quantization_settings("none", torch.float32, ("lm_head",)) is None


@pytest.mark.parametrize("quantization", ["int8", "nf4"])
@EVERY_LAYOUT
@torch.no_grad()
def test_only_the_language_models_layers_are_quantized_and_logits_stay_near(
    layout, quantization, tmp_path
):
    layout.write(tmp_path)
    device = torch.device("cpu")

    def load(how: Quantization) -> Any:
        return load_backbone(
            find_backbone(layout.model),
            folder=tmp_path,
            device=device,
            dtype=torch.bfloat16,
            quantization=how,
        )

    full, small = load("none"), load(quantization)
    quantized = {
        path
        for path, module in small.model.named_modules()
        if isinstance(module, bitsandbytes.nn.Linear4bit | bitsandbytes.nn.Linear8bitLt)
    }
    language_model = {id(module) for module in full.decoder().modules()}
    linear = {
        path
        for path, module in full.model.named_modules()
        if isinstance(module, nn.Linear) and id(module) in language_model
    }
    assert quantized == linear
    features = small.encode_frames(noise()).tokens
    torch.testing.assert_close(features, full.encode_frames(noise()).tokens)
    embeds = full.embed_text(full.encode_question("What happens to the dog?"))[None]
    expected, _ = full.step(embeds, None)
    logits, _ = small.step(embeds, None)
    likeness = nn.functional.cosine_similarity(
        logits.float().flatten(), expected.float().flatten(), dim=0
    )
    assert likeness > (0.99 if quantization == "int8" else 0.8)


@pytest.mark.parametrize("quantization", ["int8", "nf4"])
@EVERY_LAYOUT
@torch.no_grad()
def test_a_quantized_model_saved_before_it_runs_comes_back_bit_for_bit(
    layout, quantization, tmp_path
):
    original, saved = tmp_path / "original", tmp_path / "saved"
    layout.write(original)
    place: dict[str, Any] = {"device": torch.device("cpu"), "dtype": torch.bfloat16}
    backbone: Any = load_backbone(
        find_backbone(layout.model), folder=original, quantization=quantization, **place
    )
    backbone.model.save_pretrained(saved, save_original_format=False)
    again: Any = type(backbone.model).from_pretrained(saved, dtype=torch.bfloat16)
    settle_four_bits(again)
    again.train(False)
    embeds = backbone.embed_text(backbone.encode_question("What happens to the dog?"))[None]
    expected, _ = backbone.step(embeds, None)
    backbone.model = again
    logits, _ = backbone.step(embeds, None)
    assert torch.equal(logits, expected)
