from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from linvt_cli.backbones.nano_vision import (
    NUM_CHANNELS,
    EfficientNetLite0,
    fold_imagenet_weights,
)
from linvt_cli.backbones.registry import find_backbone


def unfolded_state(encoder: EfficientNetLite0) -> dict[str, torch.Tensor]:
    """Random weights under the public names, with normalizations that matter."""
    torch.manual_seed(0)
    state: dict[str, torch.Tensor] = {}

    def add(conv: str, norm: str, module: nn.Module) -> None:
        assert isinstance(module, nn.Conv2d)
        channels = module.out_channels
        state[f"{conv}.weight"] = torch.randn_like(module.weight) * 0.2
        state[f"{norm}.weight"] = torch.rand(channels) + 0.5
        state[f"{norm}.bias"] = torch.randn(channels) * 0.1
        state[f"{norm}.running_mean"] = torch.randn(channels) * 0.1
        state[f"{norm}.running_var"] = torch.rand(channels) + 0.5

    add("_conv_stem", "_bn0", encoder.stem)
    for index, block in enumerate(encoder.blocks):
        name = f"_blocks.{index}"
        if index:
            add(f"{name}._expand_conv", f"{name}._bn0", block.get_submodule("expand"))
        add(f"{name}._depthwise_conv", f"{name}._bn1", block.get_submodule("depthwise"))
        add(f"{name}._project_conv", f"{name}._bn2", block.get_submodule("project"))
    return state


def test_folding_equals_convolution_then_normalization() -> None:
    encoder = EfficientNetLite0()
    state = unfolded_state(encoder)
    encoder.load_state_dict(fold_imagenet_weights(state))
    pixels = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    convolved = F.conv2d(F.pad(pixels, (0, 1, 0, 1)), state["_conv_stem.weight"], stride=2)
    expected = F.batch_norm(
        convolved,
        state["_bn0.running_mean"],
        state["_bn0.running_var"],
        state["_bn0.weight"],
        state["_bn0.bias"],
        eps=1e-3,
    )
    torch.testing.assert_close(encoder.stem(pixels), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("size", "num_tokens"), [(64, 4), (192, 36)])
def test_a_picture_becomes_one_token_for_each_32_pixel_square(size: int, num_tokens: int) -> None:
    with torch.no_grad():
        tokens = EfficientNetLite0()(torch.zeros(1, 3, size, size))
    assert tokens.shape == (1, num_tokens, NUM_CHANNELS)


def test_tokens_stand_row_by_row() -> None:
    """A mark in the top right corner changes token 1 of a 2 x 2 grid most."""
    weights = find_backbone("nano").weights
    assert weights is not None
    encoder = EfficientNetLite0()
    state = load_file(weights / "imagenet.safetensors")
    encoder.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    pixels = torch.zeros(1, 3, 256, 256)
    marked = pixels.clone()
    marked[..., 16:48, 208:240] = 1.0
    with torch.no_grad():
        change = (encoder(marked) - encoder(pixels)).norm(dim=-1).view(8, 8)
    row, column = divmod(int(change.argmax()), 8)
    assert (row, column) in {(0, 6), (0, 7), (1, 6), (1, 7)}
