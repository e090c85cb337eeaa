"""Every video tokenizer on the device: video tokens are weighted averages there too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from linvt_cli.backbones.registry import find_backbone, load_backbone
from linvt_cli.config import FrameSampling, GenerationConfig
from linvt_cli.pipeline import VideoQA
from linvt_cli.types import VisualFeatures
from linvt_cli.video_tokenizer.baselines import AllTokenizer, MeanTokenizer
from linvt_cli.video_tokenizer.cluster import ClusterTokenizer
from tests.all_backbones import CLIP
from tests.public_layouts import LAYOUTS
from tests.training.tuning.small import features, small_linvt

WIDTH = 512  # wider than clustering compares
HALF = (torch.bfloat16, torch.float16)
TOKENIZERS = ("linvt", "linvt in time", "cluster", "mean", "all")


def seen(device: torch.device, dtype: torch.dtype, num_frames: int = 12) -> VisualFeatures:
    made = features(WIDTH, num_frames, (4, 5))
    return replace(made, tokens=made.tokens.to(device, dtype))


def tokenizer_of(name: str, device: torch.device, dtype: torch.dtype) -> Any:
    if name.startswith("linvt"):
        layout = "time" if name.endswith("time") else "flat"
        return small_linvt(WIDTH, position_layout=layout).to(device, dtype).eval()
    return {"cluster": ClusterTokenizer(6), "mean": MeanTokenizer(6), "all": AllTokenizer()}[name]


def text(device: torch.device, dtype: torch.dtype) -> Tensor:
    random = torch.Generator().manual_seed(1)
    return torch.randn(7, WIDTH, generator=random).to(device, dtype)


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, *HALF], ids=str)
@pytest.mark.parametrize("name", TOKENIZERS)
def test_tokens_are_weighted_averages_of_the_original_ones(name, dtype, device):
    tokenizer = tokenizer_of(name, device, dtype)
    video = seen(device, dtype)
    refined = tokenizer.refine(video)
    for question in (text(device, dtype), text(device, dtype)[:0]):
        made = tokenizer.condense(refined, question)
        assert (made.tokens.device.type, made.tokens.dtype) == (device.type, dtype)
        matrix = made.weights.matrix.to_dense()
        assert matrix.dtype == torch.float32
        assert (matrix >= 0).all()
        sums = matrix.sum(dim=1)
        torch.testing.assert_close(sums, torch.ones_like(sums), atol=1e-5, rtol=0)
        expected = matrix @ video.tokens.flatten(0, 1).float()
        # A number of 16 bits is off by up to a 256th of itself.
        near = 1e-5 if dtype == torch.float32 else 1e-2
        torch.testing.assert_close(made.tokens.float(), expected, atol=near, rtol=near)
        assert len(made.times) == len(made.tokens)


@torch.no_grad()
@pytest.mark.parametrize("name", TOKENIZERS)
def test_tokens_are_those_of_the_cpu(name, device):
    found, expected = (
        tokenizer_of(name, place, torch.float32) for place in (device, torch.device("cpu"))
    )
    tokens = []
    for tokenizer, place in ((found, device), (expected, torch.device("cpu"))):
        refined = tokenizer.refine(seen(place, torch.float32))
        tokens.append(tokenizer.condense(refined, text(place, torch.float32)).tokens.cpu())
    torch.testing.assert_close(*tokens, atol=1e-3, rtol=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("name", TOKENIZERS)
def test_twice_the_same_is_the_same_bytes(name, device):
    tokenizer = tokenizer_of(name, device, torch.bfloat16)
    first, second = (
        tokenizer.condense(
            tokenizer.refine(seen(device, torch.bfloat16)), text(device, torch.bfloat16)
        )
        for _ in "ab"
    )
    assert torch.equal(first.tokens, second.tokens)
    assert torch.equal(first.weights.matrix.to_dense(), second.weights.matrix.to_dense())


@torch.no_grad()
@pytest.mark.parametrize("name", ["linvt", "linvt in time", "all"])
def test_one_image_passes_unchanged(name, device):
    tokenizer = tokenizer_of(name, device, torch.bfloat16)
    image = features(WIDTH, 1, (2, 2))
    image = replace(image, tokens=image.tokens.to(device, torch.bfloat16))
    made = tokenizer.condense(tokenizer.refine(image), text(device, torch.bfloat16))
    assert torch.equal(made.tokens, image.tokens[0])


@torch.no_grad()
def test_tokens_stand_at_their_moments_in_a_model_with_axes_of_position(tmp_path, device):
    LAYOUTS["qwen2-vl"].write(tmp_path)
    spec = find_backbone(LAYOUTS["qwen2-vl"].model)
    texts = []
    for place in (device, torch.device("cpu")):
        backbone: Any = load_backbone(spec, folder=tmp_path, device=place, dtype=torch.float32)
        backbone.stop_ids = frozenset()
        linvt = small_linvt(backbone.embed_dim, position_layout="time").to(place).eval()
        qa = VideoQA(backbone, linvt)
        watched = qa.watch(CLIP, FrameSampling(num_frames=4))
        config = GenerationConfig(max_new_tokens=4)
        texts += [each.text for each in qa.ask_many(watched, ["What?", "Where is it?"], config)]
    assert texts[:2] == texts[2:]
