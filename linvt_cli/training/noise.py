"""Noise on vision features in training, so that no clip is known by heart."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

_SILENCED_SHARE = 0.1  # of a clip's feature channels
_DEVIATION = 0.2  # in standard deviations of the features


def disturb(normal_SC: Tensor, generator: torch.Generator) -> Tensor:
    """Silence some channels of one clip and add noise: (…, C) standardized features -> the same.

    Args:
        normal_SC: features of any number of places, all of one clip.
        generator: what it is drawn from, on whatever device.
    """
    return _disturbed(normal_SC, normal_SC.shape[-1:], generator)


def disturb_each(
    normal_SC: Tensor, clip_of_S: Tensor, num_clips: int, generator: torch.Generator
) -> Tensor:
    """Silence some channels of each clip and add noise: (S, C) -> the same, all clips at once.

    The numbers drawn are others than those of ``disturb`` for clip after clip.

    Args:
        normal_SC: standardized features.
        clip_of_S: which clip each of them is of, from 0.
        num_clips: of how many there are.
        generator: what it is drawn from, on the device of the features.
    """
    return _disturbed(normal_SC, (num_clips, normal_SC.shape[-1]), generator, clip_of_S)


def _disturbed(
    normal_SC: Tensor,
    channels: Sequence[int],
    generator: torch.Generator,
    clip_of_S: Tensor | None = None,
) -> Tensor:
    device = generator.device
    kept = torch.rand(channels, generator=generator, device=device) >= _SILENCED_SHARE
    if clip_of_S is not None:
        kept = kept[clip_of_S]
    noise = torch.randn(normal_SC.shape, generator=generator, device=device)
    scale = kept.to(normal_SC) / (1 - _SILENCED_SHARE)
    return normal_SC * scale + _DEVIATION * noise.to(normal_SC)
