"""Chooses the next token from logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from linvt_cli.backbones.loading import HIGHER_DTYPE
from linvt_cli.errors import DeviceError

if TYPE_CHECKING:
    from linvt_cli.backbones.base import Backbone
    from linvt_cli.config import GenerationConfig

_DAMAGED = "the weights may be damaged: linvt models verify"

Sampler = Callable[[torch.Tensor], int]
"""Takes logits (V,) and returns a token id."""
BatchSampler = Callable[[torch.Tensor], list[int]]
"""Takes logits (B, V) and returns a token id for each row."""


def make_sampler(config: GenerationConfig) -> Sampler:
    """Return the greedy choice at temperature 0, else nucleus sampling with its own seed.

    The random numbers are drawn on the CPU from a generator that belongs to the sampler, so they
    depend on neither the device nor on what else draws numbers.
    """
    if config.temperature == 0:
        return _most_likely
    generator = torch.Generator().manual_seed(config.seed)

    def sample(logits_V: torch.Tensor) -> int:
        scaled_V = logits_V.float().cpu() / config.temperature
        kept_V = nucleus(torch.softmax(scaled_V, dim=-1), config.top_p)
        return int(torch.multinomial(kept_V, 1, generator=generator))

    return sample


def make_samplers(config: GenerationConfig, count: int) -> BatchSampler:
    """Return what chooses for several answers at once, for each as a sampler of its own would."""
    if config.temperature == 0:
        return _most_likely_of_each
    samplers = [make_sampler(config) for _ in range(count)]
    return lambda logits_BV: [
        sample(logits_V) for sample, logits_V in zip(samplers, logits_BV, strict=True)
    ]


def require_finite(logits_BV: torch.Tensor, backbone: Backbone) -> None:
    """Refuse to choose from what is no number: the greedy choice would be token 0 for ever.

    Meant for what a backbone says behind a prompt, before a schema forbids tokens: what does not
    overflow there hardly does later.

    Raises:
        DeviceError: if a logit is not finite.
    """
    if not bool(logits_BV.isfinite().all()):
        name = str(backbone.dtype).removeprefix("torch.")
        raise DeviceError(
            f"'{backbone.name}' gives logits that are not finite in {name} on device"
            f" '{backbone.device}'",
            hint=HIGHER_DTYPE.get(backbone.dtype, _DAMAGED),
        )


def nucleus(probabilities_V: torch.Tensor, top_p: float) -> torch.Tensor:
    """Zero all but the fewest most likely tokens that together reach ``top_p``.

    The most likely token is always kept. The result is not normalized.
    """
    if top_p >= 1:
        return probabilities_V
    sorted_V, order_V = probabilities_V.sort(descending=True, stable=True)
    before_V = sorted_V.cumsum(dim=-1) - sorted_V
    sorted_V = sorted_V.masked_fill(before_V >= top_p, 0.0)
    return torch.zeros_like(probabilities_V).scatter(-1, order_V, sorted_V)


def _most_likely(logits_V: torch.Tensor) -> int:
    return int(logits_V.argmax())


def _most_likely_of_each(logits_BV: torch.Tensor) -> list[int]:
    tokens: list[int] = logits_BV.argmax(dim=-1).tolist()  # one transfer from the device
    return tokens
