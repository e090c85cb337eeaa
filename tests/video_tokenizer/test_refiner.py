from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from linvt_cli.config import LinVTConfig
from linvt_cli.video_tokenizer.refiner import Refiner, RefinerLayer, pool, window_sizes

TIMES = torch.arange(6.0)[None]


@pytest.fixture
def visual_BTND() -> torch.Tensor:
    return torch.randn(1, 6, 12, 24, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def refiner(config: LinVTConfig) -> Refiner:
    torch.manual_seed(0)
    return Refiner(config).eval()


@pytest.mark.parametrize("autocast", [True, False])
def test_tokens_that_differ_a_little_have_scores_of_their_own_in_16_bits(
    refiner: Refiner, autocast: bool
) -> None:
    hidden = torch.randn(1, 16, 64, refiner.score_norm.normalized_shape[0])
    if not autocast:
        refiner, hidden = refiner.bfloat16(), hidden.bfloat16()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        scores = refiner.score(hidden)
    assert scores.dtype == torch.float32
    assert len({*scores.flatten().tolist()}) > 0.99 * scores.numel()
    assert torch.equal(scores, refiner.float().score(hidden.float()))


def test_attention_within_a_frame_ignores_other_frames() -> None:
    layer = RefinerLayer(8, 2)
    hidden = torch.randn(2, 3, 5, 8)
    changed = hidden.clone()
    changed[:, 1] += 1.0

    before, after = layer.mix_positions(hidden), layer.mix_positions(changed)

    torch.testing.assert_close(before[:, [0, 2]], after[:, [0, 2]])
    assert not torch.allclose(before[:, 1], after[:, 1])


def test_attention_within_a_frame_sees_its_other_tokens() -> None:
    layer = RefinerLayer(8, 2)
    hidden = torch.randn(1, 3, 5, 8)
    changed = hidden.clone()
    changed[:, 1, 4] += torch.randn(8)

    difference = layer.mix_positions(hidden)[:, 1, 0] - layer.mix_positions(changed)[:, 1, 0]

    assert difference.abs().max() > 1e-4


def test_attention_across_frames_ignores_other_positions() -> None:
    layer = RefinerLayer(8, 2)
    hidden = torch.randn(2, 3, 5, 8)
    changed = hidden.clone()
    changed[:, :, 2] += torch.randn(8)
    changed[:, 0, 0] += torch.randn(8)

    before, after = layer.mix_frames(hidden), layer.mix_frames(changed)

    torch.testing.assert_close(before[:, :, [1, 3, 4]], after[:, :, [1, 3, 4]])
    assert (before[:, 2, 0] - after[:, 2, 0]).abs().max() > 1e-4


def test_kept_tokens_are_original_tokens_in_time_and_position_order(
    refiner: Refiner, visual_BTND: torch.Tensor
) -> None:
    original = visual_BTND.clone()

    kept = refiner(visual_BTND, TIMES, (3, 4))

    indices = kept.indices[0]
    assert indices.tolist() == sorted(set(indices.tolist()))
    assert torch.equal(kept.values[0], original[0].flatten(0, 1)[indices])
    assert torch.equal(visual_BTND, original)


def test_the_most_significant_tokens_of_all_frames_together_are_kept(
    refiner: Refiner, visual_BTND: torch.Tensor
) -> None:
    kept = refiner(visual_BTND, TIMES, (3, 4))

    gates = kept.gates[0].flatten()
    left_out = torch.ones(72, dtype=torch.bool)
    left_out[kept.indices[0]] = False
    assert len(kept.indices[0]) == 31
    assert gates[~left_out].min() >= gates[left_out].max()
    assert 0 < gates.min() < gates.max() < 1


def test_no_more_tokens_are_kept_than_there_are(
    config: LinVTConfig, visual_BTND: torch.Tensor
) -> None:
    refiner = Refiner(dataclasses.replace(config, num_kept=10_000))

    kept = refiner(visual_BTND, TIMES, (3, 4))

    assert kept.indices[0].tolist() == list(range(72))
    assert [group.times.shape[1] for group in kept.pooled] == [72, 36, 18]


def test_equal_frames_at_other_times_are_told_apart(
    refiner: Refiner, visual_BTND: torch.Tensor
) -> None:
    still = visual_BTND[:, :1].expand(-1, 6, -1, -1)

    hidden = refiner.encode(still, torch.linspace(0, 1, 6)[None], (3, 4))

    assert (hidden[0, 0] - hidden[0, 5]).abs().max() > 0.1


def test_equal_tokens_at_other_places_are_told_apart(
    refiner: Refiner, visual_BTND: torch.Tensor
) -> None:
    flat = visual_BTND[:, :, :1].expand(-1, -1, 12, -1)

    hidden = refiner.encode(flat, torch.linspace(0, 1, 6)[None], (3, 4))

    assert (hidden[0, 0, :, None] - hidden[0, 0]).abs().amax(-1).fill_diagonal_(1).min() > 1e-2


def test_only_relative_time_counts(refiner: Refiner, visual_BTND: torch.Tensor) -> None:
    kept, shifted = (refiner(visual_BTND, times, (3, 4)) for times in (TIMES, 2.0 * TIMES + 3600.0))

    torch.testing.assert_close(kept.gates, shifted.gates)


@given(st.integers(1, 40), st.integers(1, 45))
def test_pooling_averages_windows_and_the_last_one_holds_what_is_left(
    length: int, scale: int
) -> None:
    generator = torch.Generator().manual_seed(length)
    keys = torch.randn(2, length, 3, generator=generator)
    log_gates = torch.nn.functional.logsigmoid(torch.randn(2, length, generator=generator))
    times = torch.linspace(0, 1, length).expand(2, -1)

    pooled = pool(keys, log_gates, times, scale)

    windows = [slice(start, start + scale) for start in range(0, length, scale)]
    assert pooled.keys.shape[1] == len(windows)
    assert window_sizes(length, scale).sum() == length
    for m, window in enumerate(windows):
        torch.testing.assert_close(pooled.keys[:, m], keys[:, window].mean(1))
        torch.testing.assert_close(pooled.times[:, m], times[:, window].mean(1))
        expected = log_gates[:, window].exp().mean(1).log()
        torch.testing.assert_close(pooled.log_gates[:, m], expected, atol=1e-5, rtol=1e-5)


def test_gates_near_zero_keep_their_gradient_through_pooling() -> None:
    log_gates = torch.tensor([[-200.0, -201.0, -150.0]], requires_grad=True)

    pooled = pool(torch.zeros(1, 3, 2), log_gates, torch.zeros(1, 3), 2)
    (gradient,) = torch.autograd.grad(pooled.log_gates.sum(), log_gates)

    assert gradient.isfinite().all()
    assert (gradient > 0).all()
