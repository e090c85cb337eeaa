"""What all training here has in common: AdamW, its weight decay and its learning rate."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

_BETAS = (0.9, 0.98)


def adamw(
    weights: Sequence[nn.Parameter], *, learning_rate: float, weight_decay: float
) -> torch.optim.AdamW:
    """Return an optimizer that decays matrices only.

    Norms, biases and anchors are not to be pulled to zero.
    """
    matrices = [weight for weight in weights if weight.ndim >= 2]
    others = [weight for weight in weights if weight.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=learning_rate, betas=_BETAS)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all weights."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def warmed_cosine(step: int, *, warmup_steps: int, num_steps: int, final_share: float) -> float:
    """Share of the learning rate at a step: linear warm-up, then a cosine down to a small share.

    Args:
        step: from 0.
        warmup_steps: after which the share is 1.
        num_steps: of the whole training; the share stays where it is after them.
        final_share: at the end.
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = min(1.0, (step - warmup_steps) / max(1, num_steps - warmup_steps))
    return final_share + (1 - final_share) * 0.5 * (1 + math.cos(math.pi * progress))
