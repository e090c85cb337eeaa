"""4 and 8 bits by bitsandbytes while loading: the language model's linear layers, nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch
from transformers import BitsAndBytesConfig

from linvt_cli.config import Quantization


def quantization_settings(
    quantization: Quantization, dtype: torch.dtype, full_precision: tuple[str, ...]
) -> BitsAndBytesConfig | None:
    """Return what transformers is told, or None where nothing is quantized.

    Vision towers, projectors and heads stay as they are: they are small, and some of their shapes
    cannot be packed into 4 bits on a CPU.

    Args:
        quantization: how.
        dtype: in which 4-bit layers compute.
        full_precision: full names of modules that keep their weights. A list of one's own replaces
            the default, so the head must be on it.
    """
    if quantization == "none":
        return None
    # It tells of every layer's casts and of optional kernels; users cannot act on either.
    for name in ("bitsandbytes", "bitsandbytes.autograd._functions"):
        logging.getLogger(name).setLevel(logging.ERROR)
    make: Callable[..., BitsAndBytesConfig] = BitsAndBytesConfig
    shared: dict[str, Any] = {"llm_int8_skip_modules": list(full_precision)}
    if quantization == "int8":
        return make(load_in_8bit=True, **shared)
    return make(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        **shared,
    )
