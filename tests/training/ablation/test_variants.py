from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from linvt_cli.errors import ConfigError
from linvt_cli.training.ablation.stage import VariantStage
from linvt_cli.training.ablation.variant import Clips, Questions, Variant
from linvt_cli.training.ablation.variants import (
    FULL,
    VARIANTS,
    VariantSpec,
    runs_of,
    select_variants,
)
from linvt_cli.training.examples import ClipBank
from linvt_cli.training.trainer import TrainingOptions, run_stage
from tests.tiny_models import tiny_nano
from tests.training.ablation.conftest import CONFIG, NUM_SOURCES, NUM_TOKENS

TOKENS = {
    "single-frame": 4,
    "quarter-tokens": 4,  # (2, 1, 1)
    "half-tokens": 6,
    "double-tokens": 24,
}
NOT_LINEAR = {"projected", "projected-from-identity", "official"}
# The published scorer gets no gradient, and its last attention has projections it does not use.
WITHOUT_GRADIENT = ("score_net", "linear_aggregator.wv", "linear_aggregator.dense")

each = pytest.mark.parametrize("spec", VARIANTS, ids=lambda spec: spec.name)
each_trained = pytest.mark.parametrize(
    "spec", [spec for spec in VARIANTS if spec.trained], ids=lambda spec: spec.name
)


def build(spec: VariantSpec) -> Variant:
    torch.manual_seed(0)
    variant = spec.build(CONFIG, 4)
    variant.fix_draws(1)
    return variant


@each
def test_every_variant_makes_its_number_of_tokens(
    spec: VariantSpec, clips: Clips, questions: Questions
) -> None:
    condensed = build(spec)(clips, questions).for_questions(4)
    assert condensed.tokens.shape == (4, TOKENS.get(spec.name, NUM_TOKENS), 24)


@each
def test_linear_variants_make_convex_combinations_and_others_say_that_they_do_not(
    spec: VariantSpec, clips: Clips, questions: Questions
) -> None:
    variant = build(spec)
    condensed = variant(clips, questions).for_questions(4)
    assert variant.linear == (spec.name not in NOT_LINEAR)
    if not variant.linear:
        assert condensed.weights is None
        return
    weights = condensed.weights
    assert weights.shape == (4, condensed.tokens.shape[1], NUM_SOURCES)
    assert weights.min() >= 0
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(weights.shape[:2]))
    for question, mixed in enumerate(condensed.tokens):
        expected = weights[question] @ clips.tokens[question // 2].flatten(0, 1)
        torch.testing.assert_close(mixed, expected)


@each
def test_a_variant_is_trained_if_it_has_weights(spec: VariantSpec) -> None:
    assert spec.trained == bool(list(build(spec).parameters()))


@each_trained
def test_gradients_reach_everything_that_is_to_learn(spec: VariantSpec, bank: ClipBank) -> None:
    variant = build(spec)
    stage = VariantStage(
        tiny_nano(), variant, bank, bank, num_steps=1, seed=0, batch_size=3, turns_per_clip=2
    )
    stage.loss(0).backward()  # type: ignore[no-untyped-call]
    silent = {
        name
        for name, parameter in variant.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    }
    # A bias of keys, and of the scores' common level, drops out of a softmax.
    assert {
        name
        for name in silent
        if not name.endswith(("k_proj.bias", "key_proj.bias", "wk.bias", "score_proj.bias"))
        and not any(part in name for part in WITHOUT_GRADIENT)
    } == set()
    assert all(parameter.grad is None for parameter in stage.nano.model.parameters())


@each_trained
def test_a_step_changes_the_variant_and_leaves_nano_alone(
    spec: VariantSpec, bank: ClipBank, tmp_path
) -> None:
    nano, variant = tiny_nano(), build(spec)
    stage = VariantStage(
        nano, variant, bank, bank, num_steps=2, seed=0, batch_size=3, turns_per_clip=2,
        coverage=spec.coverage,
    )  # fmt: skip
    before, nano_before = copied(variant), copied(nano.model)
    run_stage(stage, tmp_path, TrainingOptions(), lambda metrics: None)
    assert any(not tensor.equal(before[name]) for name, tensor in variant.state_dict().items())
    assert all(t.equal(nano_before[name]) for name, t in nano.model.state_dict().items())


def test_names_are_distinct_and_full_is_one_of_them() -> None:
    names = [spec.name for spec in VARIANTS]
    assert len(set(names)) == len(names)
    assert FULL in names


def test_variants_are_selected_in_the_order_of_the_table() -> None:
    assert [spec.name for spec in select_variants("full, cluster")] == ["cluster", "full"]
    assert select_variants(None) == VARIANTS


def test_an_unknown_variant_is_refused_with_the_closest_names() -> None:
    with pytest.raises(ConfigError, match="Unknown variant 'clutser'") as caught:
        select_variants("clutser")
    assert caught.value.hint == "did you mean cluster?"


def test_no_variant_is_refused() -> None:
    with pytest.raises(ConfigError, match="No variant is named"):
        select_variants(" , ")


def test_all_variants_come_with_one_seed_before_the_next_and_what_learns_nothing_once() -> None:
    specs = select_variants("cluster,no-text,full")
    assert [(spec.name, seed) for spec, seed in runs_of(specs, 2)] == [
        ("cluster", 0),
        ("no-text", 0),
        ("full", 0),
        ("no-text", 1),
        ("full", 1),
    ]


def copied(module: torch.nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def test_the_guide_lists_all_variants_and_says_which_are_linear() -> None:
    page = Path(__file__).parents[3] / "docs" / "guides" / "ablations.md"
    lines = page.read_text(encoding="utf-8").splitlines()
    table = lines[lines.index("| name | linear | what it is |") + 2 :]
    rows = [line.split("|")[1:3] for line in table[: len(VARIANTS) + 1] if line.startswith("| `")]
    assert [(name.strip(" `"), linear.strip()) for name, linear in rows] == [
        (spec.name, "no" if spec.name in NOT_LINEAR else "yes") for spec in VARIANTS
    ]
