"""Mipha against the arithmetic of its public source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from linvt_cli.backbones.mipha import Mipha
from linvt_cli.backbones.registry import find_backbone
from linvt_cli.errors import BackboneLoadError
from linvt_cli.generation.prompt import assemble
from linvt_cli.types import Frames, VideoInfo, VideoPlacement
from tests.tiny_checkpoints import write_config
from tests.tiny_llava import Weights, phi, tower, write_mipha

SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives"
    " helpful, detailed, and polite answers to the user's questions."
)


def load(folder: Path) -> Mipha:
    return Mipha.load(
        find_backbone("mipha-3b"),
        folder=folder,
        device=torch.device("cpu"),
        dtype=torch.float32,
    )


@pytest.fixture(scope="module", params=[False, True], ids=["phi-2", "phi-1.5"])
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("mipha")
    weights = write_mipha(folder, fused=request.param)
    return load(folder), weights


def noise(height: int = 80, width: int = 121) -> Frames:
    pixels = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    video = VideoInfo(Path("noise.mp4"), width, height, 10.0, 100, "mpeg4", "opencv")
    return Frames(pixels, (0.0, 0.5), video, coverage=1.0)


def public_pixels(frames: Frames) -> Tensor:
    """Pasted into the middle of a grey square, then SigLIP's processor."""
    squares = []
    for frame in frames.pixels:
        picture = Image.fromarray(frame)
        side = max(picture.size)
        square = Image.new("RGB", (side, side), (127, 127, 127))
        square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
        squares.append(np.asarray(square.resize((56, 56), Image.Resampling.BICUBIC)))
    return torch.from_numpy(np.stack(squares)).float().permute(0, 3, 1, 2) / 127.5 - 1


def public_features(weights: Weights, pixels: Tensor) -> Tensor:
    """The tower's second last layer, then the projector."""
    hidden: Tensor = tower(3, head=True)(pixels, output_hidden_states=True).hidden_states[-2]
    p = "model.mm_projector."
    hidden = F.gelu(F.linear(hidden, weights[p + "0.weight"], weights[p + "0.bias"]))
    return F.linear(hidden, weights[p + "2.weight"], weights[p + "2.bias"])


@torch.no_grad()
@pytest.mark.parametrize("size", [(80, 121), (121, 80), (64, 64)])
def test_features_equal_the_public_arithmetic(loaded, size):
    backbone, weights = loaded
    features = backbone.encode_frames(noise(*size))
    expected = public_features(weights, public_pixels(noise(*size)))
    torch.testing.assert_close(features.tokens, expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_with_all_tokens_logits_equal_the_public_arithmetic(loaded):
    backbone, weights = loaded
    tokens = public_features(weights, public_pixels(noise()))
    placement = VideoPlacement(grid=(4, 4))
    prompt = assemble(backbone, tokens.flatten(0, 1), "What moves?", placement)
    logits, _ = backbone.step(prompt.inputs_embeds, None)

    table = weights["model.embed_tokens.weight"]
    prompt_text = f"{SYSTEM} USER: <image>\n<image>\nWhat moves? ASSISTANT:"
    first, *rest = prompt_text.split("<image>")
    rows = [table[backbone.tokenizer.encode(first)]]
    for image, text in zip(tokens, rest, strict=True):
        rows += [image, table[backbone.tokenizer.encode(text)]]
    expected = phi()(inputs_embeds=torch.cat(rows)[None]).logits
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


def test_the_unused_head_of_the_vision_encoder_is_passed_over(loaded):
    backbone, weights = loaded
    assert "model.vision_tower.vision_model.head.probe" in weights
    assert not any(".head." in name for name in backbone.model.state_dict())


def test_another_architecture_is_refused(tmp_path):
    write_config(tmp_path, {"model_type": "bert"})
    with pytest.raises(BackboneLoadError, match="model of type 'bert'"):
        load(tmp_path)
