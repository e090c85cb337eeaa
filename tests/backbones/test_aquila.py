"""Aquila-VL against the arithmetic of LLaVA-OneVision's public source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import (
    LlavaOnevisionImageProcessorPil,
)

from linvt_cli.backbones.aquila import Aquila
from linvt_cli.backbones.registry import find_backbone
from linvt_cli.errors import BackboneLoadError
from linvt_cli.generation.prompt import assemble
from linvt_cli.types import Frames, VideoInfo, VideoPlacement
from tests.tiny_checkpoints import write_config
from tests.tiny_llava import Weights, qwen2, tower, write_aquila, write_onevision

PROMPT = (
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n{images}"
    "What moves?<|im_end|>\n<|im_start|>assistant\n"
)


def load(folder: Path) -> Aquila:
    return Aquila.load(
        find_backbone("aquila-vl-2b"),
        folder=folder,
        device=torch.device("cpu"),
        dtype=torch.float32,
    )


@pytest.fixture(scope="module", params=[False, True], ids=["head apart", "tied head"])
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("aquila")
    weights = write_aquila(folder, tied=request.param)
    return load(folder), weights, request.param


def noise(number: int, width: int = 120) -> Frames:
    pixels = np.random.default_rng(0).integers(0, 256, (number, 80, width, 3), dtype=np.uint8)
    video = VideoInfo(Path("noise.mp4"), width, 80, 10.0, 100, "mpeg4", "opencv")
    return Frames(pixels, tuple(0.5 * t for t in range(number)), video, coverage=1.0)


def public_pixels(frames: Frames) -> Tensor:
    """Frames of a video: SigLIP's processor, which squeezes them into a square."""
    squares = [
        np.asarray(Image.fromarray(frame).resize((56, 56), Image.Resampling.BICUBIC))
        for frame in frames.pixels
    ]
    return torch.from_numpy(np.stack(squares)).float().permute(0, 3, 1, 2) / 127.5 - 1


def public_features(weights: Weights, pixels: Tensor) -> Tensor:
    """The tower's last layer without its final norm, then the projector."""
    hidden: Tensor = tower(2)(pixels, output_hidden_states=True).hidden_states[-1]
    p = "model.mm_projector."
    hidden = F.gelu(F.linear(hidden, weights[p + "0.weight"], weights[p + "0.bias"]))
    return F.linear(hidden, weights[p + "2.weight"], weights[p + "2.bias"])


@torch.no_grad()
def test_features_equal_the_public_arithmetic(loaded):
    backbone, weights, _ = loaded
    features = backbone.encode_frames(noise(3))
    assert features.grid == (4, 4)
    expected = public_features(weights, public_pixels(noise(3)))
    torch.testing.assert_close(features.tokens, expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("number", [1, 3])
def test_with_all_tokens_logits_equal_the_public_arithmetic(loaded, number):
    backbone, weights, tied = loaded
    tokens = public_features(weights, public_pixels(noise(number)))
    placement = VideoPlacement(grid=(4, 4))
    prompt = assemble(backbone, tokens.flatten(0, 1), "What moves?", placement)
    logits, _ = backbone.step(prompt.inputs_embeds, None)

    table = weights["model.embed_tokens.weight"]
    newline = weights["model.image_newline"][None]
    first, *rest = PROMPT.format(images="<image>\n" * number).split("<image>")
    rows = [table[backbone.tokenizer.encode(first)]]
    for image, text in zip(tokens, rest, strict=True):
        rows += [image, newline, table[backbone.tokenizer.encode(text)]]
    expected = qwen2(tied=tied)(inputs_embeds=torch.cat(rows)[None]).logits
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


def stock_processor() -> LlavaOnevisionImageProcessorPil:
    return LlavaOnevisionImageProcessorPil(
        size={"height": 56, "width": 56},
        image_grid_pinpoints=[[56, 112]],
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )


def test_a_frame_is_the_base_view_of_a_single_picture(loaded):
    backbone, _, _ = loaded
    frames = noise(1)
    values, _ = backbone.pixel_values(frames.pixels)
    views = stock_processor()(images=frames.pixels[0], return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(values["pixel_values"], views[:, 0], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_hf_layout_equals_the_stock_model_on_several_images(tmp_path):
    stock = write_onevision(tmp_path)
    backbone = load(tmp_path)

    frames = noise(2, width=80)  # as squares, which are padded nowhere
    features = backbone.encode_frames(frames)
    tokens = features.tokens.flatten(0, 1)
    placement = VideoPlacement(grid=features.grid)
    prompt = assemble(backbone, tokens, "What moves?", placement)
    logits, _ = backbone.step(prompt.inputs_embeds, None)

    images = ("<image>" * 17 + "\n") * 2
    ids = torch.tensor([backbone.tokenizer.encode(PROMPT.format(images=images))])
    several: Any = [list(frames.pixels)]
    batch = stock_processor()(images=several, return_tensors="pt")
    expected = stock(input_ids=ids, attention_mask=torch.ones_like(ids), **batch).logits
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


def test_an_answer_ends_at_either_of_the_marks_and_is_taught_the_first(loaded):
    backbone, _, _ = loaded
    ends = [
        backbone.tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("im_end", "endoftext")
    ]
    assert backbone.stop_ids == frozenset(ends)
    assert backbone.encode_answer("Yes.")[-1] == ends[0]


def test_another_architecture_is_refused(tmp_path):
    write_config(tmp_path, {"model_type": "bert"})
    with pytest.raises(BackboneLoadError, match="model of type 'bert'"):
        load(tmp_path)
