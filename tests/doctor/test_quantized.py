from __future__ import annotations

import pytest
import torch
from torch import nn

from linvt_cli.doctor import quantized
from linvt_cli.doctor.findings import Circumstances
from linvt_cli.doctor.quantized import (
    NF4_LEVELS,
    SIZE,
    check_quantized,
    round_to_int8,
    round_to_nf4,
)
from linvt_cli.errors import MachineError


def test_the_products_of_bitsandbytes_are_those_of_our_own_arithmetic():
    finding = check_quantized(Circumstances())
    assert finding.status == "ok"
    if finding.facts["device"] == "cpu":
        assert finding.facts["errors"]["4-bit"] < 1e-4
        assert finding.facts["errors"]["8-bit"] < 2e-3


@pytest.mark.parametrize("name", ["4-bit", "8-bit"])
def test_wrong_products_are_found_and_named(monkeypatch, name):
    def layers(_: torch.device) -> tuple[str, dict[str, tuple[nn.Module, torch.Tensor]]]:
        right = nn.Linear(SIZE, SIZE, bias=False)
        wrong = torch.roll(right.weight.detach(), 1)
        weights = {each: right.weight.detach() for each in ("4-bit", "8-bit")} | {name: wrong}
        return "9.9", {each: (right, weight) for each, weight in weights.items()}

    monkeypatch.setattr(quantized, "_quantized_layers", layers)
    with pytest.raises(MachineError, match=f"bitsandbytes 9.9 computes wrong {name} products"):
        check_quantized(Circumstances(device="cpu"))


def test_numbers_that_are_none_are_wrong(monkeypatch):
    class Broken(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs * float("nan")

    monkeypatch.setattr(
        quantized, "_quantized_layers", lambda _: ("9", {"4-bit": (Broken(), torch.eye(SIZE))})
    )
    with pytest.raises(MachineError, match="wrong 4-bit products"):
        check_quantized(Circumstances(device="cpu"))


def test_levels_of_4_bits_stay_as_they_are_and_others_go_to_the_nearest():
    block = torch.tensor([*NF4_LEVELS] * 4)[None]
    assert torch.equal(round_to_nf4(3 * block), 3 * block)
    moved = block.clone()
    moved[0, 8] += 0.01
    assert torch.equal(round_to_nf4(moved), block)


def test_8_bits_keep_a_row_to_half_a_step():
    weights = torch.linspace(-2, 1, 64)[None]
    assert float((round_to_int8(weights) - weights).abs().max()) <= 1.0001 * 2 / 127 / 2
