"""BLIP-3 against the arithmetic of its public source, restated here from names and formulas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from linvt_cli.backbones.blip3 import Blip3, native_config
from linvt_cli.backbones.registry import find_backbone
from linvt_cli.errors import BackboneLoadError
from linvt_cli.generation.prompt import assemble
from linvt_cli.types import Frames, VideoInfo, VideoPlacement
from tests.tiny_blip3 import (
    DEPTH,
    HEADS,
    INITIAL,
    LATENTS,
    MARKS,
    TOWER_WIDTH,
    Weights,
    language_model,
    tower,
    write_blip3,
)
from tests.tiny_checkpoints import write_config
from tests.tiny_sentencepiece import write_phi3_tokenizer

PROMPT = (
    "<|system|>\nA chat between a curious user and an artificial intelligence assistant. The"
    " assistant gives helpful, detailed, and polite answers to the user's questions.<|end|>\n"
    "<|user|>\n<image>\n<image>\nWhat moves?<|end|>\n<|assistant|>\n"
)


def load(folder: Path) -> Blip3:
    return Blip3.load(
        find_backbone("xgen-mm-interleave"),
        folder=folder,
        device=torch.device("cpu"),
        dtype=torch.float32,
    )


@pytest.fixture(scope="module", params=[True, False], ids=["biased head", "plain head"])
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("blip3")
    weights = write_blip3(folder, head_bias=request.param)
    return load(folder), weights


def noise() -> Frames:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 80, 120, 3), dtype=np.uint8)
    video = VideoInfo(Path("noise.mp4"), 120, 80, 10.0, 100, "mpeg4", "opencv")
    return Frames(pixels, (0.0, 0.5), video, coverage=1.0)


def public_pixels(frames: Frames) -> Tensor:
    squares = [
        np.asarray(Image.fromarray(frame).resize((56, 56), Image.Resampling.BICUBIC))
        for frame in frames.pixels
    ]
    return torch.from_numpy(np.stack(squares)).float().permute(0, 3, 1, 2) / 127.5 - 1


def norm(weights: Weights, name: str, x: Tensor) -> Tensor:
    return F.layer_norm(x, (TOWER_WIDTH,), weights[name + ".weight"], weights[name + ".bias"])


def public_features(w: Weights, pixels: Tensor) -> Tensor:
    """The tower's last state behind its last norm, then the perceiver resampler."""
    media: Tensor = tower()(pixels).last_hidden_state
    v = "vlm.vision_tokenizer."
    latents = w[v + "latents"].expand(len(media), -1, -1)
    for layer in range(DEPTH):
        p = f"{v}layers.{layer}."
        asking = norm(w, p + "0.norm_latents", latents)
        seen = torch.cat([norm(w, p + "0.norm_media", media), asking], dim=1)
        q = F.linear(asking, w[p + "0.to_q.weight"])
        k, value = F.linear(seen, w[p + "0.to_kv.weight"]).chunk(2, dim=-1)
        q, k, value = (
            part.view(*part.shape[:2], HEADS, -1).transpose(1, 2) for part in (q, k, value)
        )
        shares = (q * q.shape[-1] ** -0.5 @ k.transpose(-1, -2)).softmax(dim=-1)
        seen = (shares @ value).transpose(1, 2).flatten(2)
        latents = F.linear(seen, w[p + "0.to_out.weight"]) + latents
        hidden = F.gelu(F.linear(norm(w, p + "1.0", latents), w[p + "1.1.weight"]))
        latents = F.linear(hidden, w[p + "1.3.weight"]) + latents
    latents = norm(w, v + "norm", latents)
    return F.linear(latents, w[v + "projection.weight"], w[v + "projection.bias"])


def joined(weights: Weights, name: str, added: str) -> Tensor:
    base = weights[f"vlm.lang_model.{name}"][:INITIAL]
    return torch.cat([base, weights[f"vlm.lang_model.{added}"]])


@torch.no_grad()
def test_features_equal_the_public_arithmetic(loaded):
    backbone, weights = loaded
    features = backbone.encode_frames(noise())
    expected = public_features(weights, public_pixels(noise()))
    assert features.grid[0] * features.grid[1] == LATENTS
    torch.testing.assert_close(features.tokens, expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_with_all_tokens_logits_equal_the_public_arithmetic(loaded):
    backbone, weights = loaded
    tokens = public_features(weights, public_pixels(noise()))
    placement = VideoPlacement(grid=(1, LATENTS))
    prompt = assemble(backbone, tokens.flatten(0, 1), "What moves?", placement)
    logits, _ = backbone.step(prompt.inputs_embeds, None)

    table = joined(
        weights, "model.embed_tokens.weight", "model.embed_tokens.additional_embedding.weight"
    )
    ids = backbone.tokenizer.encode(PROMPT)
    images = iter(tokens)
    rows = [next(images) if token == INITIAL else table[token][None] for token in ids]
    hidden = language_model().model(inputs_embeds=torch.cat(rows)[None]).last_hidden_state
    bias = None
    if "vlm.lang_model.lm_head.bias" in weights:
        bias = joined(weights, "lm_head.bias", "lm_head.additional_fc.bias")
    head = joined(weights, "lm_head.weight", "lm_head.additional_fc.weight")
    expected = F.linear(hidden, head, bias)
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


def test_marks_that_the_public_code_adds_are_behind_the_vocabulary_in_its_order(loaded):
    backbone, _ = loaded
    marks = ["<image>", "<image placeholder>", "<|endofchunk|>"]
    ids = backbone.tokenizer.convert_tokens_to_ids(marks)
    assert ids == [INITIAL, INITIAL + 1, INITIAL + 2]
    assert backbone.tokenizer.encode("".join(marks), add_special_tokens=False) == ids


def test_marks_that_are_there_already_keep_their_ids(tmp_path):
    write_blip3(tmp_path)
    write_phi3_tokenizer(tmp_path, ("<image placeholder>", *MARKS[:-1]))
    ids = load(tmp_path).tokenizer.convert_tokens_to_ids
    assert ids("<image placeholder>") == INITIAL - len(MARKS)
    assert ids(["<image>", "<|endofchunk|>"]) == [INITIAL, INITIAL + 1]


def test_the_unused_head_of_the_vision_encoder_is_passed_over(loaded):
    backbone, weights = loaded
    assert "vlm.vision_encoder.head.probe" in weights
    assert not any(".head." in name for name in backbone.model.state_dict())


def test_what_is_left_out_of_the_configuration_is_as_in_the_public_class():
    text = native_config({}, head_bias=False).text_config
    assert text.vocab_size == 32_012 + 3


def test_another_architecture_is_refused(tmp_path):
    write_config(tmp_path, {"model_type": "bert"})
    with pytest.raises(BackboneLoadError, match="model of type 'bert'"):
        load(tmp_path)
