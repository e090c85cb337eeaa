"""Noise on vision features in training, so that no clip is known by heart."""

from __future__ import annotations

import torch
from torch import Tensor

_SILENCED_SHARE = 0.1  # of a clip's feature channels
_DEVIATION = 0.2  # in standard deviations of the features


def disturb(normal_SC: Tensor, generator: torch.Generator) -> Tensor:
    """Silence some channels of one clip and add noise: (…, C) standardized features -> the same.

    Args:
        normal_SC: features of any number of places, all of one clip.
        generator: what it is drawn from, on the CPU.
    """
    kept = torch.rand(normal_SC.shape[-1], generator=generator) >= _SILENCED_SHARE
    noise = torch.randn(normal_SC.shape, generator=generator)
    scale = kept.to(normal_SC) / (1 - _SILENCED_SHARE)
    return normal_SC * scale + _DEVIATION * noise.to(normal_SC)
