"""InternVL2 against the arithmetic of its public source, restated here from names and formulas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from linvt_cli.backbones.internvl2 import InternVL2
from linvt_cli.backbones.registry import find_backbone
from linvt_cli.errors import BackboneLoadError
from linvt_cli.generation.prompt import assemble
from linvt_cli.types import Frames, VideoInfo, VideoPlacement
from tests.tiny_checkpoints import write_config
from tests.tiny_internvl2 import (
    HEADS,
    KV_HEADS,
    LAYERS,
    PATCH,
    SIZE,
    TOWER_HEADS,
    TOWER_LAYERS,
    TOWER_WIDTH,
    WIDTH,
    Weights,
    stock_language_model,
    write_internvl2,
    write_internvl3,
)


@pytest.fixture(scope="module", params=["internlm2", "qwen2", "phi3"])
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp(request.param)
    weights = write_internvl2(folder, request.param)
    return load(folder), weights, request.param


def load(folder: Path) -> InternVL2:
    return InternVL2.load(
        find_backbone("internvl2-2b"),
        folder=folder,
        device=torch.device("cpu"),
        dtype=torch.float32,
    )


def noise(number: int) -> Frames:
    pixels = np.random.default_rng(0).integers(0, 256, (number, 80, 120, 3), dtype=np.uint8)
    video = VideoInfo(Path("noise.mp4"), 120, 80, 10.0, 100, "mpeg4", "opencv")
    return Frames(pixels, tuple(0.5 * t for t in range(number)), video, coverage=1.0)


def public_pixels(frames: Frames) -> Tensor:
    """The public video code: one bicubic square tile, ImageNet mean and deviation."""
    tiles = [
        np.asarray(Image.fromarray(frame).resize((SIZE, SIZE), Image.Resampling.BICUBIC))
        for frame in frames.pixels
    ]
    pixels = torch.from_numpy(np.stack(tiles)).float().permute(0, 3, 1, 2) / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return (pixels - mean[:, None, None]) / std[:, None, None]


def public_features(w: Weights, pixels: Tensor) -> Tensor:
    """InternViT, pixel unshuffling (v2) and mlp1."""
    e = "vision_model.embeddings."
    x = F.conv2d(
        pixels, w[e + "patch_embedding.weight"], w[e + "patch_embedding.bias"], stride=PATCH
    )
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([w[e + "class_embedding"].expand(len(x), -1, -1), x], dim=1)
    x = x + w[e + "position_embedding"]
    for layer in range(TOWER_LAYERS):
        p = f"vision_model.encoder.layers.{layer}."
        h = F.layer_norm(x, (TOWER_WIDTH,), w[p + "norm1.weight"], w[p + "norm1.bias"], 1e-6)
        qkv = F.linear(h, w[p + "attn.qkv.weight"], w[p + "attn.qkv.bias"])
        q, k, v = qkv.view(*h.shape[:2], 3, TOWER_HEADS, -1).permute(2, 0, 3, 1, 4)
        h = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + w[p + "ls1"] * F.linear(h, w[p + "attn.proj.weight"], w[p + "attn.proj.bias"])
        h = F.layer_norm(x, (TOWER_WIDTH,), w[p + "norm2.weight"], w[p + "norm2.bias"], 1e-6)
        h = F.gelu(F.linear(h, w[p + "mlp.fc1.weight"], w[p + "mlp.fc1.bias"]))
        x = x + w[p + "ls2"] * F.linear(h, w[p + "mlp.fc2.weight"], w[p + "mlp.fc2.bias"])
    side = SIZE // PATCH
    x = x[:, 1:].reshape(-1, side, side // 2, 2 * TOWER_WIDTH).permute(0, 2, 1, 3)
    x = x.reshape(len(x), side // 2, side // 2, -1).permute(0, 2, 1, 3).flatten(1, 2)
    x = F.layer_norm(x, (4 * TOWER_WIDTH,), w["mlp1.0.weight"], w["mlp1.0.bias"])
    x = F.gelu(F.linear(x, w["mlp1.1.weight"], w["mlp1.1.bias"]))
    return F.linear(x, w["mlp1.3.weight"], w["mlp1.3.bias"])


def rms_norm(x: Tensor, weight: Tensor) -> Tensor:
    return x * (x.square().mean(-1, keepdim=True) + 1e-6).rsqrt() * weight


def rotated(x: Tensor, theta: float) -> Tensor:
    """Rotary positions over halves of a head: (B, H, P, d)."""
    width = x.shape[-1]
    frequencies = theta ** -(torch.arange(0, width, 2) / width)
    angles = torch.arange(x.shape[2])[:, None] * frequencies
    angles = torch.cat([angles, angles], dim=-1)
    first, second = x.chunk(2, dim=-1)
    return x * angles.cos() + torch.cat([-second, first], dim=-1) * angles.sin()


def internlm2_logits(w: Weights, x: Tensor) -> Tensor:
    """InternLM2: fused weights grouped by key head, then as Llama."""
    groups, width = HEADS // KV_HEADS, WIDTH // HEADS
    for layer in range(LAYERS):
        p = f"language_model.model.layers.{layer}."
        h = F.linear(rms_norm(x, w[p + "attention_norm.weight"]), w[p + "attention.wqkv.weight"])
        h = h.view(*h.shape[:2], KV_HEADS, groups + 2, width)
        q = h[..., :groups, :].flatten(2, 3).transpose(1, 2)
        k, v = (h[..., which, :].transpose(1, 2) for which in (-2, -1))
        q, k = rotated(q, 1e6), rotated(k, 1e6)
        k, v = (part.repeat_interleave(groups, dim=1) for part in (k, v))
        h = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        x = x + F.linear(h, w[p + "attention.wo.weight"])
        h = rms_norm(x, w[p + "ffn_norm.weight"])
        h = F.silu(F.linear(h, w[p + "feed_forward.w1.weight"])) * F.linear(
            h, w[p + "feed_forward.w3.weight"]
        )
        x = x + F.linear(h, w[p + "feed_forward.w2.weight"])
    x = rms_norm(x, w["language_model.model.norm.weight"])
    return F.linear(x, w["language_model.output.weight"])


def public_logits(kind: str, w: Weights, embeds: Tensor) -> Tensor:
    if kind == "internlm2":
        return internlm2_logits(w, embeds)
    logits: Tensor = stock_language_model(kind)(inputs_embeds=embeds).logits
    return logits


@torch.no_grad()
def test_features_equal_the_public_arithmetic(loaded):
    backbone, weights, _ = loaded
    features = backbone.encode_frames(noise(3))
    expected = public_features(weights, public_pixels(noise(3)))
    assert features.grid == (2, 2)
    torch.testing.assert_close(features.tokens, expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("number", [1, 3])
def test_with_all_tokens_logits_equal_the_public_arithmetic(loaded, number):
    backbone, weights, kind = loaded
    tokens = public_features(weights, public_pixels(noise(number)))
    placement = VideoPlacement(grid=(2, 2))
    prompt = assemble(backbone, tokens.flatten(0, 1), "What moves?", placement)
    logits, _ = backbone.step(prompt.inputs_embeds, None, positions=prompt.positions)

    name = "tok_embeddings" if kind == "internlm2" else "embed_tokens"
    table = weights[f"language_model.model.{name}.weight"]
    mark = backbone.tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>")
    ids = torch.tensor(backbone.tokenizer.encode(public_prompt(kind, public_images(number))))
    embeds = table[ids]
    embeds[ids == mark] = tokens.flatten(0, 1)
    assert len(prompt.video_spans) == number
    torch.testing.assert_close(
        logits, public_logits(kind, weights, embeds[None]), atol=1e-4, rtol=1e-4
    )


def public_images(number: int) -> str:
    """A picture, or the frames of a video, each with its number."""
    image = "<img>" + "<IMG_CONTEXT>" * 4 + "</img>\n"
    if number == 1:
        return image
    return "".join(f"Frame{frame}: {image}" for frame in range(1, number + 1))


def public_prompt(kind: str, images: str) -> str:
    system = (
        "你是由上海人工智能实验室联合商汤科技开发的书生多模态大模型，英文名叫InternVL,"  # noqa: RUF001
        " 是一个有用无害的人工智能助手。"
    )
    if kind == "phi3":
        return f"<|system|>\n{system}<|end|><|user|>\n{images}What moves?<|end|><|assistant|>\n"
    return (
        f"<|im_start|>system\n{system}<|im_end|><|im_start|>user\n{images}What moves?<|im_end|>"
        "<|im_start|>assistant\n"
    )


@torch.no_grad()
@pytest.mark.parametrize("number", [1, 2])
def test_the_hf_layout_equals_the_stock_model_on_the_same_images(tmp_path, number):
    stock = write_internvl3(tmp_path)
    backbone = load(tmp_path)

    features = backbone.encode_frames(noise(number))
    placement = VideoPlacement(grid=features.grid)
    prompt = assemble(backbone, features.tokens.flatten(0, 1), "What moves?", placement)
    logits, _ = backbone.step(prompt.inputs_embeds, None)

    text = (
        f"<|im_start|>user\n{public_images(number)}What moves?<|im_end|>\n<|im_start|>assistant\n"
    )
    ids = torch.tensor([backbone.tokenizer.encode(text)])
    expected = stock(input_ids=ids, pixel_values=public_pixels(noise(number))).logits
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


def with_template(folder: Path, name: str) -> None:
    raw = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    write_config(folder, {**raw, "template": name})


@pytest.mark.parametrize("template", ["internlm2-chat", "Hermes-2"])
def test_the_templates_of_internvl2_are_what_is_read_without_one(tmp_path, template):
    write_internvl2(tmp_path, "qwen2")
    expected = load(tmp_path).render_prompt("What moves?")
    with_template(tmp_path, template)
    assert load(tmp_path).render_prompt("What moves?") == expected


def test_files_of_2_5_and_3_in_the_original_layout_have_their_own_template(tmp_path):
    write_internvl2(tmp_path, "qwen2")
    with_template(tmp_path, "internvl2_5")
    backbone = load(tmp_path)
    system = (
        "你是书生·万象，英文名是InternVL，"  # noqa: RUF001
        "是由上海人工智能实验室、清华大学及多家合作单位联合开发的多模态大语言模型。"
    )
    before = f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n<img>"
    behind = "</img>\nWhat moves?<|im_end|>\n<|im_start|>assistant\n"
    encode = backbone.tokenizer.encode
    assert backbone.render_prompt("What moves?") == [encode(before), encode(behind)]


def test_an_unknown_template_is_refused(tmp_path):
    write_internvl2(tmp_path, "qwen2")
    with_template(tmp_path, "internvl_zh")
    with pytest.raises(BackboneLoadError, match=r"template 'internvl_zh'\. Expected internlm2-"):
        load(tmp_path)


def test_another_architecture_is_refused(tmp_path):
    write_internvl2(tmp_path, "qwen2")
    write_config(tmp_path, {"model_type": "bert"})
    with pytest.raises(BackboneLoadError, match="model of type 'bert'"):
        load(tmp_path)


def test_another_language_model_is_refused(tmp_path):
    write_internvl2(tmp_path, "qwen2")
    raw = {"model_type": "internvl_chat", "llm_config": {"model_type": "mamba"}}
    write_config(tmp_path, raw)
    with pytest.raises(BackboneLoadError, match=r"model 'mamba'\. Expected internlm2, qwen2, phi3"):
        load(tmp_path)
