from __future__ import annotations

import pytest
import torch
from transformers.models.llama import LlamaConfig, LlamaModel

from linvt_cli.backbones.language_model import run_language_model
from tests.tiny_checkpoints import randomized


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    config = LlamaConfig(
        vocab_size=32,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
    )
    return randomized(LlamaModel(config))


@torch.no_grad()
def test_told_positions_are_used_and_gone_on_from(model):
    embeds = torch.randn(1, 6, 16, generator=torch.Generator().manual_seed(0))
    positions = torch.tensor([[[0, 1, 5, 6, 9, 10]]])
    expected = model(inputs_embeds=embeds, position_ids=positions[0]).last_hidden_state
    head, cache = run_language_model(model, embeds[:, :5], None, positions=positions[:, :, :5])
    assert cache.next_positions.tolist() == [10]
    tail, cache = run_language_model(model, embeds[:, 5:], cache)
    torch.testing.assert_close(torch.cat([head, tail], dim=1), expected, atol=1e-5, rtol=1e-5)
    assert cache.next_positions.tolist() == [11]


@torch.no_grad()
def test_padding_counts_for_nothing(model):
    embeds = torch.randn(1, 3, 16, generator=torch.Generator().manual_seed(0))
    padded = torch.cat([torch.full((1, 2, 16), 7.0), embeds], dim=1)
    mask = torch.tensor([[False, False, True, True, True]])
    hidden, cache = run_language_model(model, padded, None, mask=mask)
    expected, _ = run_language_model(model, embeds, None)
    torch.testing.assert_close(hidden[:, 2:], expected, atol=1e-5, rtol=1e-5)
    assert cache.next_positions.tolist() == [3]


@torch.no_grad()
def test_padding_of_a_later_step_counts_for_nothing(model):
    embeds = torch.randn(1, 6, 16, generator=torch.Generator().manual_seed(0))
    expected, _ = run_language_model(model, embeds, None)
    _, cache = run_language_model(model, embeds[:, :3], None)
    padded = torch.cat([torch.full((1, 2, 16), 7.0), embeds[:, 3:5]], dim=1)
    mask = torch.tensor([[False, False, True, True]])
    some, cache = run_language_model(model, padded, cache, mask=mask)
    last, cache = run_language_model(model, embeds[:, 5:], cache)
    hidden = torch.cat([some[:, 2:], last], dim=1)
    torch.testing.assert_close(hidden, expected[:, 3:], atol=1e-5, rtol=1e-5)
    assert cache.next_positions.tolist() == [6]
