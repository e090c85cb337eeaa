from __future__ import annotations

import torch
from transformers.models.llama import LlamaConfig, LlamaModel

from linvt_cli.backbones.float32_attention import FLOAT32_ATTENTION

CONFIG = LlamaConfig(
    hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, vocab_size=8
)


def test_it_is_the_usual_attention_without_autocast_and_as_exact_as_it_with() -> None:
    torch.manual_seed(0)
    usual = LlamaModel(CONFIG).eval()
    other = LlamaModel(CONFIG).eval()
    other.load_state_dict(usual.state_dict())
    other.set_attn_implementation(FLOAT32_ATTENTION)
    ids = torch.tensor([[1, 2, 3, 4, 5], [3, 2, 1, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    with torch.no_grad():
        expected = usual(ids, attention_mask=mask).last_hidden_state[mask.bool()]
        assert other(ids, attention_mask=mask).last_hidden_state[mask.bool()].equal(expected)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = other(ids, attention_mask=mask).last_hidden_state[mask.bool()]
    assert not rounded.equal(expected)
    assert torch.allclose(rounded, expected, atol=0.05, rtol=0.05)
