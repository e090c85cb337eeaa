"""Products of nano's language model in bfloat16 while it is trained, by autocast.

Weights, gradients, what the optimizer keeps, LinVT and the losses stay float32. It is quicker where
the processor multiplies bfloat16: GPUs, and CPUs with AVX512-BF16 or AMX. Attention stays float32
on a CPU, as its gradient takes 2.5 times as long in bfloat16 there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch

from linvt_cli.backbones.float32_attention import FLOAT32_ATTENTION
from linvt_cli.backbones.nano import Nano


def halve_products(nano: Nano) -> None:
    """Let what is trained of the language model multiply in bfloat16 from now on.

    Args:
        nano: its visual layers and its language model take and return what they did before.
    """
    for part in (nano.model.visual_layers, nano.model.language_model.model):
        if nano.device.type == "cpu":
            part.set_attn_implementation(FLOAT32_ATTENTION)
        part.forward = _in_bfloat16(part.forward, nano.device.type)


def _in_bfloat16(forward: Callable[..., Any], device_type: str) -> Callable[..., Any]:
    @wraps(forward)
    def autocast(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast(device_type, torch.bfloat16):
            return forward(*args, **kwargs)

    return autocast
