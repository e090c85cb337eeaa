"""Molmo against the arithmetic of its public source, restated here from names and formulas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from transformers.models.qwen2 import Qwen2Config

from linvt_cli.backbones.molmo import Molmo
from linvt_cli.backbones.molmo_layout import SplitAttention
from linvt_cli.backbones.registry import find_backbone
from linvt_cli.errors import BackboneLoadError
from linvt_cli.generation.prompt import assemble
from linvt_cli.types import Frames, VideoInfo, VideoPlacement
from tests.backbones.test_molmo_tiling import public_cover
from tests.tiny_checkpoints import write_config, write_weights
from tests.tiny_molmo import (
    MOLMOE,
    PATCH,
    SIZE,
    TOWER_HEADS,
    TOWER_LAYERS,
    TOWER_WIDTH,
    VOCABULARY,
    Weights,
    head_name,
    language_model,
    write_molmo,
)

SIDE = SIZE // PATCH


def load(folder: Path) -> Molmo:
    return Molmo.load(
        find_backbone("molmo-7b-d"),
        folder=folder,
        device=torch.device("cpu"),
        dtype=torch.float32,
    )


@pytest.fixture(scope="module", params=["7b-d", "7b-o", "moe"])
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("molmo")
    weights = write_molmo(folder, request.param)
    return load(folder), weights, request.param


def noise(height: int = 80, width: int = 120) -> Frames:
    pixels = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    video = VideoInfo(Path("noise.mp4"), width, height, 10.0, 100, "mpeg4", "opencv")
    return Frames(pixels, (0.0, 0.5), video, coverage=1.0)


def public_patches(frames: Frames) -> tuple[Tensor, Tensor]:
    """Resize and pad; patches with pixels in order row, column, channel, and the masks' shares."""
    height, width = frames.pixels.shape[1:3]
    scale = min(SIZE / height, SIZE / width)
    inner = (int(height * scale), int(width * scale))
    top, left = (SIZE - inner[0]) // 2, (SIZE - inner[1]) // 2
    pictures = np.zeros((len(frames.pixels), SIZE, SIZE, 3), np.float32)
    for picture, frame in zip(pictures, frames.pixels, strict=True):
        small = F.interpolate(
            torch.from_numpy(frame).permute(2, 0, 1)[None] / 255,
            inner,
            mode="bilinear",
            antialias=True,
        )
        inside = picture[top : top + inner[0], left : left + inner[1]]
        inside[:] = small[0].clamp(0, 1).permute(1, 2, 0).numpy()
    pictures -= np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
    pictures /= np.array([0.26862954, 0.26130258, 0.27577711], np.float32)
    cut = pictures.reshape(-1, SIDE, PATCH, SIDE, PATCH, 3).transpose(0, 1, 3, 2, 4, 5)
    patches = np.ascontiguousarray(cut).reshape(len(pictures), SIDE**2, -1)
    return torch.from_numpy(patches), torch.from_numpy(public_cover(height, width, SIZE, PATCH, 0))


def attention(w: Weights, p: str, asking: Tensor, seen: Tensor) -> Tensor:
    q, k, v = (
        F.linear(x, w[f"{p}.{name}.weight"], w[f"{p}.{name}.bias"])
        .view(*x.shape[:2], TOWER_HEADS, -1)
        .transpose(1, 2)
        for name, x in (("wq", asking), ("wk", seen), ("wv", seen))
    )
    shares = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(dim=-1)
    mixed = (shares @ v).transpose(1, 2).flatten(2)
    return F.linear(mixed, w[f"{p}.wo.weight"], w[f"{p}.wo.bias"])


def norm(w: Weights, p: str, x: Tensor) -> Tensor:
    return F.layer_norm(x, (TOWER_WIDTH,), w[p + ".weight"], w[p + ".bias"], 1e-5)


def public_features(w: Weights, patches: Tensor, masks: Tensor) -> Tensor:
    """CLIP at layers -2 and -9, padding embeddings, 2 x 2 attention pooling, gated projector."""
    v = "model.vision_backbone."
    x = F.linear(patches, w[v + "image_vit.patch_embedding.weight"])
    first = w[v + "image_vit.class_embedding"].expand(len(x), 1, -1)
    x = torch.cat([first, x], dim=1) + w[v + "image_vit.positional_embedding"]
    x = norm(w, v + "image_vit.pre_ln", x)
    states = []
    for layer in range(TOWER_LAYERS):
        p = f"{v}image_vit.transformer.resblocks.{layer}."
        h = norm(w, p + "attention_norm", x)
        x = x + attention(w, p + "attention", h, h)
        h = norm(w, p + "ffn_norm", x)
        h = F.linear(h, w[p + "feed_forward.w1.weight"], w[p + "feed_forward.w1.bias"])
        h = h * torch.sigmoid(1.702 * h)
        x = x + F.linear(h, w[p + "feed_forward.w2.weight"], w[p + "feed_forward.w2.bias"])
        states.append(x)
    x = torch.cat([states[-2], states[-9]], dim=-1)[:, 1:]
    all_padding = masks == 0
    some_padding = (masks < 1) & ~all_padding
    x = x + w[v + "pad_embed"][0] * all_padding.float()[:, None]
    x = x + w[v + "pad_embed"][1] * some_padding.float()[:, None]
    half = SIDE // 2
    windows = [
        x.view(len(x), SIDE, SIDE, -1)[:, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2].flatten(1, 2)
        for r in range(half)
        for c in range(half)
    ]
    pooled = [
        attention(w, v + "image_pooling_2d", window.mean(dim=1, keepdim=True), window)
        for window in windows
    ]
    x = torch.cat(pooled, dim=1)
    p = v + "image_projector."
    gated = F.silu(F.linear(x, w[p + "w1.weight"])) * F.linear(x, w[p + "w3.weight"])
    return F.linear(gated, w[p + "w2.weight"])


@torch.no_grad()
@pytest.mark.parametrize("size", [(80, 120), (120, 80), (64, 64)])
def test_features_equal_the_public_arithmetic(loaded, size):
    backbone, weights, _ = loaded
    features = backbone.encode_frames(noise(*size))
    assert features.grid == (2, 2)
    expected = public_features(weights, *public_patches(noise(*size)))
    torch.testing.assert_close(features.tokens, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("size", [(80, 120), (120, 80), (40, 30)])
def test_pictures_differ_from_pillows_bilinear_ones_by_rounding_alone(loaded, size):
    backbone, _, _ = loaded
    values, _ = backbone.pixel_values(noise(*size).pixels)
    scale = SIZE / max(size)
    height, width = int(size[0] * scale), int(size[1] * scale)
    top, left = (SIZE - height) // 2, (SIZE - width) // 2
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
    for picture, frame in zip(values["pixels"] * std + mean, noise(*size).pixels, strict=True):
        small = Image.fromarray(frame).resize((width, height), Image.Resampling.BILINEAR)
        expected = torch.zeros(3, SIZE, SIZE)
        inside = torch.from_numpy(np.array(small)).permute(2, 0, 1) / 255
        expected[:, top : top + height, left : left + width] = inside
        # Pillow rounds to whole levels once in each direction
        assert (picture - expected).abs().max() < 1.01 / 255


@torch.no_grad()
def test_logits_equal_the_public_arithmetic_and_tokens_are_added_to_the_mark(loaded):
    backbone, weights, kind = loaded
    tokens = public_features(weights, *public_patches(noise()))
    placement = VideoPlacement(grid=(2, 2))
    prompt = assemble(backbone, tokens.flatten(0, 1), "What moves?", placement)
    logits, _ = backbone.step(prompt.inputs_embeds, None)

    table = torch.cat(
        [
            weights["model.transformer.wte.embedding"],
            weights["model.transformer.wte.new_embedding"],
        ]
    )
    image = "<im_start>" + "<im_patch>" * 4 + "<im_end>"
    text = "<|endoftext|>" + image * 2 + " User: What moves? Assistant:"
    ids = torch.tensor(backbone.tokenizer.encode(text))
    embeds = table[ids]
    embeds[ids == backbone.tokenizer.convert_tokens_to_ids("<im_patch>")] += tokens.flatten(0, 1)
    expected = language_model(kind)(inputs_embeds=embeds[None]).logits[..., :VOCABULARY]
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("columns", [(), (5,)], ids=["bias", "weight"])
def test_fused_attention_is_taken_apart_by_the_numbers_of_heads(columns):
    parts = [torch.randn(rows, *columns) for rows in (12, 6, 6)]
    text = Qwen2Config(num_attention_heads=4, num_key_value_heads=2)
    found = SplitAttention().converted([torch.cat(parts)], text)
    assert all(map(torch.equal, found, parts))
    with pytest.raises(RuntimeError, match="split"):
        SplitAttention().converted([torch.zeros(25, *columns)], text)


def test_another_architecture_is_refused(tmp_path):
    write_config(tmp_path, {"model_type": "bert"})
    with pytest.raises(BackboneLoadError, match="model of type 'bert'"):
        load(tmp_path)


@pytest.mark.parametrize("kind", ["7b-d", "moe"])
def test_files_without_a_head_are_refused(tmp_path, kind):
    weights = write_molmo(tmp_path, kind)
    del weights[head_name(kind)]
    write_weights(tmp_path, weights)
    with pytest.raises(BackboneLoadError, match=r"lack model\.transformer\.ff_out\.weight$"):
        load(tmp_path)


def test_files_without_the_vision_part_are_refused(tmp_path):
    weights = write_molmo(tmp_path)
    language = {name: w for name, w in weights.items() if "vision_backbone" not in name}
    write_weights(tmp_path, language)
    with pytest.raises(BackboneLoadError, match=r"lack model\.vision_backbone"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "told"), [("n_heads", "num_attention_heads"), ("d_model", "hidden_size")]
)
def test_sizes_that_a_configuration_does_not_say_are_not_made_up(tmp_path, name, told):
    write_molmo(tmp_path, "moe")
    write_config(tmp_path, {"model_type": "molmo", **MOLMOE, name: None})
    with pytest.raises(BackboneLoadError, match=f"no molmo: ValueError: it does not say {told}$"):
        load(tmp_path)


def test_positions_that_turn_neighbouring_numbers_are_refused(tmp_path):
    write_molmo(tmp_path, "moe")
    write_config(tmp_path, {"model_type": "molmo", **MOLMOE, "rope_impl": "cockatoo"})
    with pytest.raises(BackboneLoadError, match="turn neighbouring numbers"):
        load(tmp_path)
