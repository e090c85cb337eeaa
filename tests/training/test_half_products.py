from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from linvt_cli.backbones.nano import Nano
from linvt_cli.training.half_products import halve_products
from linvt_cli.training.packing import Reading, encode_turn, pack, read_batch
from tests.tiny_models import tiny_nano


def read(nano: Nano) -> tuple[Reading, list[Tensor]]:
    """Two questions about a video each, with the gradients of their answers."""
    turns = [
        [encode_turn(nano, "count", "how many?", "two.")],
        [encode_turn(nano, "describe", "what happens in the video?", "the dog enters.")],
    ]
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(20, nano.embed_dim, generator=generator)
    nano.model.requires_grad_(True)
    reading = read_batch(nano, pack(nano, [10, 10], turns), tokens)
    torch.nn.functional.cross_entropy(reading.logits, reading.labels).backward()  # type: ignore[no-untyped-call]
    learnt = [nano.model.visual_layers, nano.model.language_model]
    grads = [p.grad for part in learnt for p in part.parameters() if p.grad is not None]
    return reading, grads


def test_answers_and_gradients_are_those_of_float32_but_for_rounding() -> None:
    plain, halved = tiny_nano(), tiny_nano()
    halve_products(halved)
    (reading, grads), (rounded, rounded_grads) = read(plain), read(halved)
    assert not torch.equal(rounded.logits, reading.logits)
    assert torch.allclose(rounded.logits, reading.logits, atol=0.05, rtol=0.05)
    whole, half = (torch.cat([g.flatten() for g in each]) for each in (grads, rounded_grads))
    assert torch.cosine_similarity(whole, half, dim=0) > 0.999


def test_what_the_losses_read_and_what_learns_stay_float32() -> None:
    nano = tiny_nano()
    halve_products(nano)
    reading, grads = read(nano)
    assert {t.dtype for t in (reading.logits, *reading.states, *grads)} == {torch.float32}
    assert {p.dtype for p in nano.model.parameters()} == {torch.float32}


def test_on_a_cpu_attention_is_float32_under_bfloat16_products(monkeypatch) -> None:
    attended: list[torch.dtype] = []
    attend = torch.nn.functional.scaled_dot_product_attention

    def spy(query: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        out: Tensor = attend(query, *args, **kwargs)
        attended.append(out.dtype)
        return out

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", spy)
    nano = tiny_nano()
    halve_products(nano)
    read(nano)
    layers = len(nano.model.visual_layers.layers) + len(nano.model.language_model.model.layers)
    assert attended == [torch.float32] * layers
