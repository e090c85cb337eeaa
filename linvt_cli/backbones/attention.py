"""Which implementation of attention a model runs with: PyTorch's own, or flash-attn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from transformers import PreTrainedModel
from transformers.utils.import_utils import is_flash_attn_2_available

_AMPERE = (8, 0)  # compute capability


@dataclass(frozen=True, slots=True)
class AttentionChoice:
    """An implementation of attention under transformers' name for it, and why it is this one."""

    implementation: Literal["sdpa", "flash_attention_2"]
    reason: str


def choose_attention(
    device: torch.device, dtype: torch.dtype, model_class: type[PreTrainedModel]
) -> AttentionChoice:
    """Return flash-attn where package, device, dtype and model allow it, else PyTorch's own.

    flash-attn is taken only from an installed package: transformers would also fetch compiled
    kernels from the hub, and nothing that is downloaded is run here.
    """
    if device.type != "cuda":
        return AttentionChoice("sdpa", "flash-attn needs a CUDA device")
    if dtype not in (torch.bfloat16, torch.float16):
        return AttentionChoice("sdpa", "flash-attn computes in 16 bits only")
    if not is_flash_attn_2_available():
        return AttentionChoice("sdpa", "flash-attn is not installed")
    if torch.cuda.get_device_capability(device) < _AMPERE:
        return AttentionChoice("sdpa", "flash-attn needs an Ampere GPU or a later one")
    if not model_class._supports_flash_attn:
        return AttentionChoice("sdpa", f"{model_class.__name__} does not support flash-attn")
    return AttentionChoice("flash_attention_2", "flash-attn is installed")


def fall_back(error: Exception) -> AttentionChoice:
    """Return PyTorch's attention with the reason why flash-attn failed."""
    first_line = str(error).strip().partition("\n")[0]
    return AttentionChoice("sdpa", f"flash-attn failed: {first_line or type(error).__name__}")
