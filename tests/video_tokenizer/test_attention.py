from __future__ import annotations

import pytest
import torch

from linvt_cli.video_tokenizer import attention
from linvt_cli.video_tokenizer.attention import Attention, FourierEmbedding


def test_self_attention_in_chunks_equals_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    module = Attention(8, 2)
    tokens = torch.randn(7, 5, 8)
    whole = module(tokens, tokens)
    monkeypatch.setattr(attention, "_CHUNK_NUMBERS", 2 * 5 * 4 * 8)

    chunked = module.attend_to_itself(tokens)

    torch.testing.assert_close(chunked, whole)


@pytest.mark.parametrize("sizes", [(1, 3), (3, 1), (1, 1)])
def test_one_row_may_serve_all_rows_of_the_others(sizes: tuple[int, int]) -> None:
    torch.manual_seed(0)
    module = Attention(8, 2)
    query, source = torch.randn(sizes[0], 4, 8), torch.randn(sizes[1], 5, 8)

    mixed = module(query, source)

    batch = max(sizes)
    expected = module(query.expand(batch, -1, -1), source.expand(batch, -1, -1))
    torch.testing.assert_close(mixed, expected)


def test_a_chunk_holds_no_more_rows_than_the_limit_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    module = Attention(8, 2)
    rows: list[int] = []
    forward = module.forward

    def counting(
        query: torch.Tensor, source: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        rows.append(len(query))
        return forward(query, source, mask)

    monkeypatch.setattr(module, "forward", counting)
    monkeypatch.setattr(attention, "_CHUNK_NUMBERS", 2 * 5 * 4 * 8)

    module.attend_to_itself(torch.randn(7, 5, 8))

    assert rows == [2, 2, 2, 1]


def test_attention_matches_its_definition() -> None:
    torch.manual_seed(0)
    module = Attention(6, 2)
    query, source = torch.randn(1, 3, 6), torch.randn(1, 4, 6)
    q, k, v = module.q_proj(query)[0], module.k_proj(source)[0], module.v_proj(source)[0]
    heads = []
    for channels in (slice(0, 3), slice(3, 6)):
        weights = (q[:, channels] @ k[:, channels].T / 3**0.5).softmax(-1)
        heads.append(weights @ v[:, channels])

    torch.testing.assert_close(module(query, source)[0], module.out_proj(torch.cat(heads, -1)))


def test_masked_sources_are_not_looked_at() -> None:
    torch.manual_seed(0)
    module = Attention(8, 2)
    query, source = torch.randn(2, 3, 8), torch.randn(2, 5, 8)
    mask = torch.tensor([[True] * 3 + [False] * 2] * 2)

    torch.testing.assert_close(module(query, source, mask), module(query, source[:, :3]))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_fine_frequencies_survive_half_precision(dtype: torch.dtype) -> None:
    embedding = FourierEmbedding(1, 4, num_frequencies=8)
    points = torch.linspace(0, 1, 101)[:, None]
    exact = embedding(points)

    halved = embedding.to(dtype)(points)

    assert halved.dtype == dtype
    torch.testing.assert_close(halved.float(), exact, atol=0.03, rtol=0.03)


def test_fourier_embedding_takes_each_coordinate_for_itself() -> None:
    torch.manual_seed(0)
    embedding = FourierEmbedding(2, 4, num_frequencies=3)
    a, b, swapped = embedding(torch.tensor([[0.1, 0.7], [0.1, 0.2], [0.7, 0.1]]))

    assert not torch.allclose(a, b)
    assert not torch.allclose(a, swapped)
