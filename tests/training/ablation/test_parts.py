from __future__ import annotations

from dataclasses import replace

import torch

from linvt_cli.training.ablation.parts import (
    EverythingKept,
    LinVTVariant,
    RandomChoice,
    ScoredTokens,
)
from linvt_cli.training.ablation.variant import Clips, Questions
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer
from tests.training.ablation.conftest import CONFIG, NUM_SOURCES, NUM_TOKENS


def test_the_whole_is_linvt(clips: Clips, questions: Questions) -> None:
    torch.manual_seed(0)
    variant = LinVTVariant(CONFIG)
    torch.manual_seed(0)
    linvt = LinearVideoTokenizer(CONFIG)
    tokens = variant(clips, questions).tokens
    for question in range(4):
        clip = slice(question // 2, question // 2 + 1)
        row = slice(question, question + 1)
        alone = linvt(
            clips.tokens[clip], clips.times[clip], clips.grid, questions.text[row],
            questions.mask[row],
        )  # fmt: skip
        torch.testing.assert_close(tokens[row], alone)


def test_without_text_the_question_changes_nothing(clips: Clips, questions: Questions) -> None:
    variant = LinVTVariant(replace(CONFIG, text_conditioned=False))
    others = Questions(questions.text + 1, questions.mask)
    tokens = variant(clips, questions).tokens
    assert len(tokens) == len(clips.tokens)
    assert tokens.equal(variant(clips, others).tokens)


def test_a_random_choice_is_that_of_its_seed(clips: Clips, questions: Questions) -> None:
    torch.manual_seed(0)
    variant = RandomChoice(CONFIG)

    def chosen(seed: int) -> torch.Tensor:
        variant.fix_draws(seed)
        return variant.weigh(clips, questions).sum(dim=1) > 0

    assert chosen(1).equal(chosen(1))
    assert not chosen(1).equal(chosen(2))
    assert not chosen(1)[0].equal(chosen(1)[2])  # each clip has a choice of its own
    assert (chosen(1).sum(dim=-1) <= CONFIG.num_kept).all()


def test_a_random_choice_prefers_none_of_its_tokens(clips: Clips) -> None:
    kept = RandomChoice(CONFIG).refiner(clips.tokens, clips.times, clips.grid)
    for group in kept.pooled:
        assert group.log_gates.abs().max() < 1e-6


def test_the_aggregator_alone_sees_every_token(clips: Clips, questions: Questions) -> None:
    torch.manual_seed(0)
    weights = EverythingKept(CONFIG, NUM_SOURCES).weigh(clips, questions)
    assert (weights.sum(dim=1) > 0).all()


def test_scored_tokens_are_the_best_ones_in_order(clips: Clips, questions: Questions) -> None:
    torch.manual_seed(0)
    variant = ScoredTokens(CONFIG)
    gates = variant.refiner(clips.tokens, clips.times, clips.grid).gates.flatten(1)
    best = gates.topk(NUM_TOKENS).indices.sort().values
    tokens = variant(clips, questions).tokens
    expected = [source[rows] for source, rows in zip(clips.tokens.flatten(1, 2), best, strict=True)]
    assert tokens.equal(torch.stack(expected))


def test_a_token_that_is_worth_more_than_the_mean_scores_higher_after_a_step(
    clips: Clips, questions: Questions
) -> None:
    torch.manual_seed(0)
    variant = ScoredTokens(CONFIG)
    kept = variant.refiner(clips.tokens, clips.times, clips.grid)
    source = int(kept.indices[0, 0])
    token = clips.tokens.flatten(1, 2)[0, source]
    mean = clips.tokens.flatten(1, 2)[0].mean(dim=0)
    value = (variant(clips, questions).tokens[0, 0] * (token - mean)).sum()
    (-value).backward()
    with torch.no_grad():
        for parameter in variant.parameters():
            if parameter.grad is not None:
                parameter.sub_(1e-4 * parameter.grad)
    after = variant.refiner(clips.tokens, clips.times, clips.grid)
    assert after.gates.flatten(1)[0, source] > kept.gates.flatten(1)[0, source]
