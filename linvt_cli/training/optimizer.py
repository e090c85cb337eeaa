"""What all training here has in common: AdamW, Muon, their weight decay and their learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

_BETAS = (0.9, 0.98)
_MOMENTUM = 0.95
_RMS = 0.2  # of an update of AdamW, as it usually is (arXiv 2502.16982 §2.2)
_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # steep at 0: small singular values rise quickly
_ITERATIONS = 5


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


def muon_and_adamw(
    weights: Sequence[nn.Parameter],
    hidden_layers: Sequence[nn.Module],
    *,
    learning_rate: float,
    weight_decay: float,
    bfloat16: bool = False,
) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices of hidden layers, where there are any, and AdamW for the rest.

    Args:
        weights: that learn.
        hidden_layers: modules whose linear layers read and write hidden states.
        learning_rate: of all.
        weight_decay: of matrices.
        bfloat16: whether Muon multiplies in it.
    """
    linear = {
        part.weight
        for layer in hidden_layers
        for part in layer.modules()
        if isinstance(part, nn.Linear)
    }
    matrices = [weight for weight in weights if weight in linear]
    others = [weight for weight in weights if weight not in linear]
    optimizers: list[torch.optim.Optimizer] = [
        adamw(others, learning_rate=learning_rate, weight_decay=weight_decay)
    ]
    if matrices:
        optimizers.append(
            Muon(
                matrices,
                learning_rate=learning_rate,
                weight_decay=weight_decay,
                bfloat16=bfloat16,
            )
        )
    return optimizers


class Muon(torch.optim.Optimizer):
    """Momentum whose steps are orthogonalized, for matrices from hidden states to hidden states.

    As Jordan et al. describe it (kellerjordan.github.io/posts/muon, 2024), with Nesterov momentum.
    Steps have the size of AdamW's, so that both take the same learning rate and weight decay (arXiv
    2502.16982). ``torch.optim.Muon`` always multiplies in bfloat16, which takes four times as long
    as float32 on a CPU that does not multiply bfloat16, and a third on one that does.

    Args:
        matrices: weights of two dimensions.
        learning_rate: of all.
        weight_decay: of all.
        bfloat16: whether to multiply in it; in the precision of the weights by default.
    """

    def __init__(
        self,
        matrices: Iterable[nn.Parameter],
        *,
        learning_rate: float,
        weight_decay: float,
        bfloat16: bool = False,
    ) -> None:
        super().__init__(matrices, {"lr": learning_rate, "weight_decay": weight_decay})
        self._bfloat16 = bfloat16

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take a step with every matrix that has a gradient."""
        for group in self.param_groups:
            rate = group["lr"]
            for weights, gradients in _by_shape(group["params"]):
                ways = torch.stack(list(map(self._way, weights, gradients)))
                updates = orthogonalized(ways.bfloat16() if self._bfloat16 else ways)
                size = rate * _RMS * math.sqrt(max(updates.shape[1:]))
                for weight, update in zip(weights, updates, strict=True):
                    weight.mul_(1 - rate * group["weight_decay"]).add_(update, alpha=-size)

    def _way(self, weight: nn.Parameter, gradient: Tensor) -> Tensor:
        """Let a gradient flow into its momentum, and return where both lead."""
        state = self.state[weight]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(weight)
        momentum: Tensor = state["momentum"].lerp_(gradient, 1 - _MOMENTUM)
        return gradient.lerp(momentum, _MOMENTUM)


def orthogonalized(matrices_MRC: Tensor) -> Tensor:
    """Set the singular values of matrices to about 1, between 0.7 and 1.2: (M, R, C) -> the same.

    By five Newton-Schulz iterations. A singular value far below the largest comes less far.
    """
    first, third, fifth = _NEWTON_SCHULZ
    is_tall = matrices_MRC.shape[1] > matrices_MRC.shape[2]
    turned = matrices_MRC.mT if is_tall else matrices_MRC
    turned = turned / turned.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(_ITERATIONS):
        square = turned @ turned.mT
        polynomial = torch.baddbmm(square, square, square, beta=third, alpha=fifth)
        turned = torch.baddbmm(turned, polynomial, turned, beta=first)
    return turned.mT if is_tall else turned


def _by_shape(
    weights: Iterable[nn.Parameter],
) -> Iterable[tuple[list[nn.Parameter], list[Tensor]]]:
    """Sort weights that have gradients by their shape, as those alike are multiplied at once."""
    alike: dict[torch.Size, tuple[list[nn.Parameter], list[Tensor]]] = {}
    for weight in weights:
        if weight.grad is not None:
            found, gradients = alike.setdefault(weight.shape, ([], []))
            found.append(weight)
            gradients.append(weight.grad)
    return alike.values()


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
