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
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from linvt_cli.backbones.nano import Nano

_ATTENTION = "sdpa_in_float32"


def halve_products(nano: Nano) -> None:
    """Let what is trained of the language model multiply in bfloat16 from now on.

    Args:
        nano: its visual layers and its language model take and return what they did before.
    """
    for part in (nano.model.visual_layers, nano.model.language_model.model):
        if nano.device.type == "cpu":
            part.set_attn_implementation(_ATTENTION)
        part.forward = _in_bfloat16(part.forward, nano.device.type)


def _in_bfloat16(forward: Callable[..., Any], device_type: str) -> Callable[..., Any]:
    @wraps(forward)
    def autocast(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast(device_type, torch.bfloat16):
            return forward(*args, **kwargs)

    return autocast


def _attend_in_float32(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    with torch.autocast(query.device.type, enabled=False):
        heads = query.float(), key.float(), value.float()
        attended: tuple[Tensor, None] = sdpa_attention_forward(
            module, *heads, attention_mask, **kwargs
        )
        return attended


AttentionInterface.register(_ATTENTION, _attend_in_float32)
AttentionMaskInterface.register(_ATTENTION, sdpa_mask)
