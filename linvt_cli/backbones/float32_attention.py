"""Attention in float32 amid products in bfloat16, under a name that models of transformers know."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

FLOAT32_ATTENTION = "sdpa_in_float32"
"""For ``set_attn_implementation``: PyTorch's own attention, whatever autocast says."""


def _attend(
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


AttentionInterface.register(FLOAT32_ATTENTION, _attend)
AttentionMaskInterface.register(FLOAT32_ATTENTION, sdpa_mask)
