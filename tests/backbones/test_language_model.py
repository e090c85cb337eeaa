from __future__ import annotations

import pytest
import torch
from transformers.models.llama import LlamaConfig, LlamaModel
from transformers.models.phi3 import Phi3Config, Phi3Model

from linvt_cli.backbones.language_model import repeat_cache, run_language_model
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


@pytest.fixture(scope="module")
def long_model() -> torch.nn.Module:
    """A model that turns positions by other frequencies from the 8th on."""
    factors = {"short_factor": [1.0] * 4, "long_factor": [1.0, 2.0, 4.0, 8.0]}
    config = Phi3Config(
        vocab_size=32,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=32,
        original_max_position_embeddings=8,
        rope_parameters={"rope_type": "longrope", "rope_theta": 1e4, **factors},
        pad_token_id=0,
    )
    return randomized(Phi3Model(config))


@torch.no_grad()
@pytest.mark.parametrize("read_first", [3, 7, 8, 10])
def test_a_text_that_becomes_long_is_read_anew_by_the_frequencies_of_long_ones(
    long_model, read_first
):
    embeds = torch.randn(1, 12, 16, generator=torch.Generator().manual_seed(0))
    _, cache = run_language_model(long_model, embeds[:, :read_first], None)
    for step in range(read_first, 12):
        hidden, cache = run_language_model(long_model, embeds[:, step : step + 1], cache)
        expected = long_model(inputs_embeds=embeds[:, : step + 1]).last_hidden_state[:, -1:]
        torch.testing.assert_close(hidden, expected, atol=1e-5, rtol=1e-5)
        assert (cache.read is None) == (step >= 8)


@torch.no_grad()
def test_padded_texts_become_long_together(long_model):
    embeds = torch.randn(2, 9, 16, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[True] * 7, [False] * 2 + [True] * 5])
    _, cache = run_language_model(long_model, embeds[:, :7], None, mask=mask)
    _, cache = run_language_model(long_model, embeds[:, 7:8], repeat_cache(cache, 2))
    hidden, _ = run_language_model(long_model, embeds[:, 8:], cache)
    alone = long_model(inputs_embeds=embeds[:1]).last_hidden_state[:, -1:]
    torch.testing.assert_close(hidden[:1], alone, atol=1e-5, rtol=1e-5)
    anew = torch.cat([mask, torch.ones(2, 2, dtype=torch.bool)], dim=1)
    expected, _ = run_language_model(long_model, embeds, None, mask=anew)
    torch.testing.assert_close(hidden, expected[:, -1:], atol=1e-5, rtol=1e-5)
