"""The catalogue's sizes against the models themselves, built without memory from their shapes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from linvt_cli.backbones.catalogue import BACKBONES
from tests.full_size import MODELS

_NF4_BITS = 4.127  # of a weight with double quantization (arXiv 2305.14314)
_GIB = 2**30


def parameters_of(model: nn.Module) -> tuple[int, int]:
    """Return how many parameters a model has, and how many of them are quantized."""
    every = sum(parameter.numel() for parameter in model.parameters())
    inner: Any = model.model
    language = getattr(inner, "language_model", None) or inner.text_model
    linear = [module for module in language.modules() if isinstance(module, nn.Linear)]
    return every, sum(module.weight.numel() for module in linear)


def test_every_public_model_is_built_here():
    assert set(MODELS) == {spec.name for spec in BACKBONES if spec.weights is None}


@pytest.mark.parametrize("name", MODELS)
def test_size_and_memory_are_those_of_the_model(name):
    spec = next(spec for spec in BACKBONES if spec.name == name)
    with torch.device("meta"):
        every, quantized = parameters_of(MODELS[name]())
    assert spec.parameters == pytest.approx(every, rel=0.01)
    rest = 2 * (every - quantized)
    assert spec.memory is not None
    assert spec.memory.none == pytest.approx(2 * every / _GIB, abs=0.06)
    assert spec.memory.int8 == pytest.approx((rest + quantized) / _GIB, abs=0.06)
    assert spec.memory.nf4 == pytest.approx((rest + quantized * _NF4_BITS / 8) / _GIB, abs=0.06)
