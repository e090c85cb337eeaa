from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from linvt_cli.backbones.four_bits_on_cpu import settle_four_bits
from linvt_cli.doctor.quantized import relative_error, round_to_nf4

bitsandbytes: Any = pytest.importorskip("bitsandbytes")


@torch.no_grad()
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("columns", "rows"), [(128, 64), (96, 64), (32, 48), (64, 48), (16, 12)])
def test_layers_of_any_width_multiply_right(columns, rows, dtype, nested, bias):
    weights = torch.sin(torch.arange(float(columns * rows))).reshape(rows, columns)
    shift = torch.linspace(-1, 1, rows) if bias else torch.zeros(rows)
    layer = bitsandbytes.nn.Linear4bit(
        columns, rows, bias=bias, compute_dtype=dtype, compress_statistics=nested, quant_type="nf4"
    )
    layer.load_state_dict({"weight": weights, **({"bias": shift} if bias else {})})
    model = nn.Sequential(layer).to("cpu").eval()
    settle_four_bits(model)
    inputs = torch.cos(torch.arange(4.0 * columns)).reshape(4, columns).to(dtype)
    expected = inputs.float() @ round_to_nf4(weights).T + shift
    for _ in range(2):  # the first run may rearrange the weights
        found = model(inputs)
        assert found.dtype == dtype
        # bfloat16 has 8 bits, and nested scales are rounded to 8 bits as well
        assert relative_error(found.float(), expected) < 0.03


def test_plain_layers_stay_as_they_are():
    layer = nn.Linear(3, 5)
    settle_four_bits(nn.Sequential(layer))
    assert "forward" not in vars(layer)
