"""The shapes in the catalogue against the models themselves, built without memory."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from linvt_cli.backbones.shapes import SHAPES
from tests.full_size import MODELS


def test_every_public_model_has_shapes():
    assert set(SHAPES) == set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_shapes_are_those_of_the_model(name):
    shapes = SHAPES[name]
    with torch.device("meta"):
        model: Any = MODELS[name]()
    text = model.config.get_text_config()
    head = text.hidden_size // text.num_attention_heads
    assert shapes.layers == text.num_hidden_layers
    assert (shapes.hidden, shapes.inner) == (text.hidden_size, text.intermediate_size)
    assert shapes.keys == text.num_key_value_heads * head
    assert shapes.vocabulary == model.lm_head.out_features
    language = getattr(model.model, "language_model", None) or model.model.text_model
    linear = [module.weight for module in language.modules() if isinstance(module, nn.Linear)]
    assert shapes.quantized == sum(weight.numel() for weight in linear)
    assert shapes.widest == max(weight.numel() for weight in linear)


@pytest.mark.parametrize("name", MODELS)
def test_the_vision_encoder_is_as_wide_as_the_models(name):
    shapes = SHAPES[name]
    with torch.device("meta"):
        model: Any = MODELS[name]()
    vision = model.config.vision_config
    inner = getattr(vision, "intermediate_size", None) or 4 * vision.embed_dim
    assert shapes.vision_inner == inner
    assert shapes.vision_hidden == getattr(vision, "embed_dim", vision.hidden_size)
