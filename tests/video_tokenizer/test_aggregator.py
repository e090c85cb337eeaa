from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from linvt_cli.config import LinVTConfig
from linvt_cli.video_tokenizer.aggregator import Aggregator, initial_anchors, spread_over_windows
from linvt_cli.video_tokenizer.base import KeptTokens
from linvt_cli.video_tokenizer.refiner import Refiner


@pytest.fixture
def kept(config: LinVTConfig) -> KeptTokens:
    torch.manual_seed(0)
    visual = torch.randn(2, 6, 12, 24)
    with torch.no_grad():
        kept: KeptTokens = Refiner(config)(visual, torch.arange(6.0).expand(2, -1), (3, 4))
    return kept


@pytest.fixture
def aggregator(config: LinVTConfig) -> Aggregator:
    torch.manual_seed(1)
    return Aggregator(config).eval().requires_grad_(False)


@pytest.fixture
def text_BLD() -> torch.Tensor:
    return torch.randn(2, 5, 24, generator=torch.Generator().manual_seed(2))


def test_rows_are_weights(aggregator: Aggregator, kept: KeptTokens, text_BLD: torch.Tensor) -> None:
    weights = aggregator(kept, text_BLD)

    assert weights.shape == (2, 10, 31)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 10), atol=1e-5, rtol=0)


def test_rows_are_float32_weights_under_autocast(
    aggregator: Aggregator, kept: KeptTokens, text_BLD: torch.Tensor
) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        weights = aggregator(kept, text_BLD)

    assert weights.dtype == torch.float32
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 10), atol=1e-5, rtol=0)


def test_the_question_changes_the_weights(
    aggregator: Aggregator, kept: KeptTokens, text_BLD: torch.Tensor
) -> None:
    assert not torch.allclose(aggregator(kept, text_BLD), aggregator(kept, -text_BLD))


def test_the_order_of_words_matters(
    aggregator: Aggregator, kept: KeptTokens, text_BLD: torch.Tensor
) -> None:
    assert not torch.allclose(aggregator(kept, text_BLD), aggregator(kept, text_BLD.flip(1)))


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_does_not_matter(
    aggregator: Aggregator, kept: KeptTokens, text_BLD: torch.Tensor, side: str
) -> None:
    padding = torch.full((2, 3, 24), 100.0)
    real, blank = torch.ones(2, 5, dtype=torch.bool), torch.zeros(2, 3, dtype=torch.bool)
    right = side == "right"
    text = torch.cat([text_BLD, padding] if right else [padding, text_BLD], dim=1)
    mask = torch.cat([real, blank] if right else [blank, real], dim=1)

    torch.testing.assert_close(aggregator(kept, text, mask), aggregator(kept, text_BLD))


def test_no_text_is_the_same_however_it_is_said(
    aggregator: Aggregator, kept: KeptTokens, text_BLD: torch.Tensor
) -> None:
    nothing = aggregator(kept, None)

    assert nothing.isfinite().all()
    assert torch.equal(aggregator(kept, text_BLD[:, :0]), nothing)
    masked = aggregator(kept, text_BLD, torch.zeros(2, 5, dtype=torch.bool))
    torch.testing.assert_close(masked, nothing)


def test_rows_without_text_do_not_disturb_the_others(
    aggregator: Aggregator, kept: KeptTokens, text_BLD: torch.Tensor
) -> None:
    mask = torch.tensor([[True] * 5, [False] * 5])

    weights = aggregator(kept, text_BLD, mask)

    torch.testing.assert_close(weights[0], aggregator(kept, text_BLD)[0])
    torch.testing.assert_close(weights[1], aggregator(kept, None)[1])


def test_an_unconditioned_aggregator_ignores_the_question(
    config: LinVTConfig, kept: KeptTokens, text_BLD: torch.Tensor
) -> None:
    aggregator = Aggregator(dataclasses.replace(config, text_conditioned=False))

    assert torch.equal(aggregator(kept, text_BLD), aggregator(kept, None))
    assert not [name for name, _ in aggregator.named_parameters() if "text" in name]


@pytest.mark.parametrize("group", [0, 1, 2])
def test_queries_of_a_scale_see_the_tokens_of_that_scale_only(
    config: LinVTConfig, kept: KeptTokens, group: int
) -> None:
    # One layer: in a second one, queries could pass on what those of other scales saw.
    config = dataclasses.replace(config, num_aggregator_layers=1)
    torch.manual_seed(1)
    aggregator = Aggregator(config)
    pooled = list(kept.pooled)
    pooled[group] = dataclasses.replace(pooled[group], keys=torch.randn_like(pooled[group].keys))
    changed = dataclasses.replace(kept, pooled=tuple(pooled))

    differs = (aggregator(kept, None) != aggregator(changed, None)).any(-1)[0]

    group_of_query = [0] * 5 + [1] * 3 + [2] * 2
    groups = torch.tensor([group_of_query[i] for i in aggregator.order])
    assert differs.tolist() == (groups == group).tolist()


def test_video_tokens_stand_in_time_order(aggregator: Aggregator, kept: KeptTokens) -> None:
    aggregator.log_spreads.fill_(-5.0)

    weights = aggregator(kept, None)

    anchors = torch.tensor(sorted(initial_anchors((5, 3, 2))))
    times = (weights * kept.pooled[0].times[:, None]).sum(-1)[0]
    # 6 frames and windows of up to 4 tokens: the nearest moment may be this far off.
    assert (times - anchors).abs().max() < 0.2
    assert times[:3].max() < times[-3:].min()


def test_video_tokens_differ_before_any_training(aggregator: Aggregator, kept: KeptTokens) -> None:
    tokens = aggregator(kept, None) @ kept.values

    assert torch.cdist(tokens[0], tokens[0]).fill_diagonal_(1.0).min() > 0.05


@pytest.mark.parametrize("num_queries", [(1,), (2, 1), (32, 16, 16)])
def test_anchors_are_the_middles_of_equal_parts(num_queries: tuple[int, ...]) -> None:
    anchors = torch.tensor(initial_anchors(num_queries))

    for group in torch.split(anchors, list(num_queries)):
        assert group.mean() == pytest.approx(0.5)
        torch.testing.assert_close(group.diff(), torch.full((len(group) - 1,), 1 / len(group)))


def test_a_higher_gate_gets_more_weight(aggregator: Aggregator, kept: KeptTokens) -> None:
    gates = [group.log_gates.clone() for group in kept.pooled]
    gates[0][:, 3] += 2.0
    pooled = tuple(
        dataclasses.replace(group, log_gates=gate)
        for group, gate in zip(kept.pooled, gates, strict=True)
    )

    before = aggregator(kept, None)
    after = aggregator(dataclasses.replace(kept, pooled=pooled), None)

    finest = [place for place, query in enumerate(aggregator.order) if query < 5]
    assert (after[:, finest, 3] > before[:, finest, 3]).all()


@given(st.integers(1, 30), st.integers(1, 8))
def test_spreading_over_windows_undoes_pooling_and_keeps_sums(num_kept: int, scale: int) -> None:
    generator = torch.Generator().manual_seed(num_kept)
    values = torch.randn(num_kept, 3, generator=generator)
    pooled = torch.stack([part.mean(0) for part in torch.split(values, scale)])
    weights = torch.rand(1, 2, len(pooled), generator=generator).softmax(-1)

    spread = spread_over_windows(weights, scale, num_kept)

    assert spread.shape == (1, 2, num_kept)
    torch.testing.assert_close(spread.sum(-1), torch.ones(1, 2))
    torch.testing.assert_close(spread[0] @ values, weights[0] @ pooled)
