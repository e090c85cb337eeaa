from __future__ import annotations

import torch

from linvt_cli.training.ablation.nonlinear import ProjectedValues, PublishedArithmetic
from linvt_cli.training.ablation.variant import Clips, Questions
from linvt_cli.training.recipe import NanoRecipe
from tests.training.ablation.conftest import CONFIG


def test_projections_that_are_the_identity_change_nothing_at_first(
    clips: Clips, questions: Questions
) -> None:
    torch.manual_seed(0)
    variant = ProjectedValues(CONFIG, as_identity=True)
    torch.testing.assert_close(
        variant(clips, questions).tokens, variant.linvt(clips, questions).tokens
    )


def test_projections_begun_at_random_leave_the_space_of_averages(
    clips: Clips, questions: Questions
) -> None:
    torch.manual_seed(0)
    variant = ProjectedValues(CONFIG, as_identity=False)
    tokens = variant(clips, questions).tokens
    assert not torch.allclose(tokens, variant.linvt(clips, questions).tokens, atol=0.1)


def test_the_published_arithmetic_is_asked_for_each_question_without_its_padding(
    clips: Clips, questions: Questions
) -> None:
    torch.manual_seed(0)
    variant = PublishedArithmetic(CONFIG)
    tokens = variant(clips, questions).tokens
    for question in range(4):
        text = questions.text[question][questions.mask[question]]
        alone = variant.official(clips.tokens[question // 2], text)
        torch.testing.assert_close(tokens[question], alone)


def test_of_the_published_arithmetic_that_learns_to_which_a_gradient_leads(
    clips: Clips, questions: Questions
) -> None:
    torch.manual_seed(0)
    variant = PublishedArithmetic(CONFIG)
    learns = {name for name, weight in variant.named_parameters() if weight.requires_grad}
    tokens = variant.requires_grad_(True)(clips, questions).tokens
    tokens.square().sum().backward()
    assert learns == {name for name, w in variant.named_parameters() if w.grad is not None}


def test_as_many_weights_of_the_published_arithmetic_learn_in_nanos_width() -> None:
    variant = PublishedArithmetic(NanoRecipe().linvt)
    assert sum(w.numel() for w in variant.parameters() if w.requires_grad) == 1_577_088
    assert sum(w.numel() for w in variant.parameters()) == 1_651_393
