from __future__ import annotations

import pytest
import torch

from linvt_cli.config import GenerationConfig
from linvt_cli.errors import DeviceError
from linvt_cli.generation.sampler import make_sampler, make_samplers, nucleus, require_finite
from tests.fakes import TinyBackbone

LOGITS = torch.tensor([0.0, 2.0, 1.0, -1.0])


def drawn(config: GenerationConfig, number: int = 200) -> list[int]:
    sample = make_sampler(config)
    return [sample(LOGITS) for _ in range(number)]


def test_temperature_zero_takes_the_most_likely_token_whatever_the_seed():
    assert set(drawn(GenerationConfig(temperature=0, seed=3))) == {1}


def test_the_same_seed_draws_the_same_tokens():
    config = GenerationConfig(temperature=1.0, seed=7)
    assert drawn(config) == drawn(config)


def test_another_seed_draws_other_tokens():
    assert drawn(GenerationConfig(temperature=1.0, seed=7)) != drawn(
        GenerationConfig(temperature=1.0, seed=8)
    )


def test_draws_do_not_depend_on_the_global_generator():
    config = GenerationConfig(temperature=1.0)
    torch.manual_seed(1)
    first = drawn(config)
    torch.manual_seed(2)
    assert drawn(config) == first


def test_draws_leave_the_global_generator_as_it_was():
    before = torch.get_rng_state()
    drawn(GenerationConfig(temperature=1.0))
    assert torch.equal(torch.get_rng_state(), before)


def test_tokens_are_drawn_as_often_as_the_softmax_says():
    counts = torch.bincount(torch.tensor(drawn(GenerationConfig(temperature=2.0), 4000)))
    expected = 4000 * torch.softmax(LOGITS / 2.0, dim=-1)
    # five standard deviations; the seed is fixed, so this holds always or never
    assert ((counts - expected).abs() < 5 * expected.sqrt()).all()


def test_a_small_top_p_leaves_the_most_likely_token_alone():
    assert set(drawn(GenerationConfig(temperature=10.0, top_p=0.01))) == {1}


@pytest.mark.parametrize(
    ("top_p", "kept"), [(0.39, {1}), (0.41, {1, 3}), (0.69, {1, 3}), (0.71, {1, 3, 0}), (1.0, None)]
)
def test_the_nucleus_is_the_fewest_tokens_that_reach_top_p(top_p, kept):
    probabilities = torch.tensor([0.2, 0.4, 0.1, 0.3])
    result = nucleus(probabilities, top_p)
    kept = {0, 1, 2, 3} if kept is None else kept
    assert set(result.nonzero()[:, 0].tolist()) == kept
    assert all(result[index] == probabilities[index] for index in kept)


def test_half_precision_logits_are_drawn_from_in_single_precision():
    sample = make_sampler(GenerationConfig(temperature=1.0, top_p=0.9))
    assert sample(LOGITS.to(torch.bfloat16)) in {0, 1, 2}


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_several_answers_are_sampled_as_each_alone(temperature):
    config = GenerationConfig(temperature=temperature, seed=7)
    choose = make_samplers(config, 3)
    logits_BV = torch.stack([LOGITS, LOGITS.flip(0), LOGITS])
    drawn_together = [choose(logits_BV) for _ in range(50)]
    first, second, third = zip(*drawn_together, strict=True)
    assert list(first) == list(third) == drawn(config, 50)
    sample = make_sampler(config)
    assert list(second) == [sample(LOGITS.flip(0)) for _ in range(50)]


@pytest.mark.parametrize(
    ("dtype", "hint"),
    [
        (torch.float16, "use --dtype bfloat16 or --dtype float32"),
        (torch.bfloat16, "use --dtype float32"),
        (torch.float32, "the weights may be damaged: linvt models verify"),
    ],
)
@pytest.mark.parametrize("number", [torch.nan, torch.inf, -torch.inf])
def test_logits_that_are_not_finite_are_an_error(number, dtype, hint):
    backbone = TinyBackbone()
    backbone.dtype = dtype
    require_finite(LOGITS[None], backbone)
    with pytest.raises(DeviceError, match="'tiny' gives logits that are not finite in") as caught:
        require_finite(LOGITS.where(LOGITS != 1, number)[None], backbone)
    assert caught.value.hint == hint
