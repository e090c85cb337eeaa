from __future__ import annotations

import torch

from linvt_cli.training.ablation.nonlinear import ProjectedValues, PublishedArithmetic
from linvt_cli.training.ablation.variant import Clips, Questions
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
