from __future__ import annotations

import torch

from linvt_cli.training.ablation.variant import Condensed, average


def test_the_questions_about_a_clip_mix_the_tokens_of_that_clip() -> None:
    torch.manual_seed(0)
    weights = torch.rand(6, 5, 8).softmax(dim=-1)  # three questions about each of two clips
    tokens = torch.randn(2, 4, 2, 3)
    mixed = average(weights, tokens)
    for question in range(6):
        expected = weights[question] @ tokens[question // 3].flatten(0, 1)
        torch.testing.assert_close(mixed[question], expected)


def test_tokens_that_no_question_changes_are_repeated_for_the_questions_of_their_clip() -> None:
    condensed = Condensed(torch.randn(2, 5, 3), torch.rand(2, 5, 8))
    repeated = condensed.for_questions(4)
    assert repeated.tokens.equal(condensed.tokens[[0, 0, 1, 1]])
    assert repeated.weights is not None
    assert condensed.weights is not None
    assert repeated.weights.equal(condensed.weights[[0, 0, 1, 1]])
    assert repeated.for_questions(4) is repeated
