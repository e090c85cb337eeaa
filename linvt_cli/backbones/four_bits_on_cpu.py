"""4-bit layers of bitsandbytes whose widths its kernels for the CPU cannot do.

Weights are quantized in blocks of 64, row behind row. Where a row is no whole number of blocks, the
kernels (0.50) take the scales of other blocks, and the product is off by a fifth; on CPUs that
multiply in bfloat16 they rearrange the weights in the first run, and fail where rows or columns
leave a rest. On CUDA every width is right. No public model of the catalogue has such widths.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_ROWS = 32  # that are rearranged together


def settle_four_bits(model: nn.Module) -> None:
    """Make every 4-bit layer on a CPU multiply right, whatever its widths; call it before a run."""
    layer: Any
    for layer in model.modules():
        # The kernel's own mark of such layers, so that bitsandbytes need not be imported to look
        if not hasattr(layer, "support_avx512bf16_for_cpu") or layer.weight.device.type != "cpu":
            continue
        if layer.in_features % layer.weight.blocksize:
            layer.forward = _Flat(layer)
        elif layer.out_features % _ROWS:
            layer.support_avx512bf16_for_cpu = False


class _Flat:
    """Multiplies with weights that are read as one long row, whose blocks all are whole."""

    def __init__(self, layer: Any) -> None:
        self._layer = layer

    def __call__(self, x: Tensor) -> Tensor:
        from bitsandbytes.functional import dequantize_4bit

        layer, state = self._layer, copy.copy(self._layer.weight.quant_state)
        rows_columns = state.shape
        state.shape = torch.Size([1, rows_columns.numel()])
        weight = dequantize_4bit(layer.weight.data, state).view(rows_columns)
        dtype = layer.compute_dtype or x.dtype
        bias = None if layer.bias is None else layer.bias.to(dtype)
        return F.linear(x.to(dtype), weight.to(dtype), bias).to(x.dtype)
