from __future__ import annotations

import math

import pytest
import torch

from linvt_cli.backbones.base import Backbone
from linvt_cli.errors import ContextLengthError, DeviceError, OutOfMemoryError
from linvt_cli.generation import choices as choices_module
from linvt_cli.generation.choices import score_choices, written_forms
from linvt_cli.generation.prompt import assemble
from linvt_cli.types import PromptEmbeds
from tests.all_backbones import BUILDERS, build
from tests.fakes import ANSWER, STOP, TinyBackbone

CHOICES = ("red", "blue and green", "Yes.", "a")


def prompt_for(backbone: Backbone) -> PromptEmbeds:
    generator = torch.Generator().manual_seed(5)
    video_KD = torch.randn((6, backbone.embed_dim), generator=generator)
    return assemble(backbone, video_KD, "Which colour?")


@torch.no_grad()
def log_probability(backbone: Backbone, prompt: PromptEmbeds, ids: list[int]) -> float:
    """Score one answer by itself, token for token, without a batch."""
    logits, cache = backbone.step(
        prompt.inputs_embeds, None, positions=prompt.positions, logits_to_keep=1
    )
    total = 0.0
    for token in ids[:-1]:
        total += float(torch.log_softmax(logits[0, -1].double(), dim=-1)[token])
        logits, cache = backbone.step(backbone.embed_text([token])[None], cache)
    last_V = torch.softmax(logits[0, -1].double(), dim=-1)
    return total + math.log(sum(float(last_V[stop]) for stop in backbone.stop_ids))


def scored_alone(backbone: Backbone, texts: tuple[str, ...]) -> list[float]:
    prompt = prompt_for(backbone)
    masses = [
        sum(
            math.exp(log_probability(backbone, prompt, backbone.encode_answer(form)) + 30)
            for form in written_forms(text)
        )
        for text in texts
    ]
    return [mass / sum(masses) for mass in masses]


@pytest.mark.parametrize("name", BUILDERS)
def test_one_pass_agrees_with_scoring_each_choice_by_itself(name):
    backbone = build(name)
    scored = score_choices(backbone, prompt_for(backbone), CHOICES)
    assert [choice.text for choice in scored.choices] == list(CHOICES)
    probabilities = [choice.probability for choice in scored.choices]
    assert sum(probabilities) == pytest.approx(1, abs=1e-9)
    assert probabilities == pytest.approx(scored_alone(backbone, CHOICES), abs=1e-4)


def test_the_prompt_is_read_once_and_all_choices_at_once():
    backbone = TinyBackbone()
    prompt = prompt_for(backbone)
    score_choices(backbone, prompt, CHOICES)
    assert backbone.step_lengths == [prompt.inputs_embeds.shape[1], len("blue and green.")]


@pytest.mark.parametrize("limit", ["_MAX_BATCH_POSITIONS", "_MAX_BATCH_LOGITS"])
def test_more_choices_than_fit_at_once_give_the_same(monkeypatch, limit):
    backbone = TinyBackbone()
    together = score_choices(backbone, prompt_for(backbone), CHOICES)
    monkeypatch.setattr(choices_module, limit, 1)
    apart = score_choices(backbone, prompt_for(backbone), CHOICES)
    for one, other in zip(together.choices, apart.choices, strict=True):
        assert one.probability == pytest.approx(other.probability, abs=1e-6)
    assert len(backbone.step_lengths) > 4


@pytest.mark.parametrize("most", [1, 2, 3, 5])
def test_where_memory_runs_out_there_are_smaller_batches_and_the_same_scores(monkeypatch, most):
    backbone = TinyBackbone()
    together = score_choices(TinyBackbone(), prompt_for(backbone), CHOICES)
    step, rows = backbone.step, []

    def short_of_memory(inputs_embeds, *args, **options):
        if len(inputs_embeds) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        rows.append(len(inputs_embeds))
        return step(inputs_embeds, *args, **options)

    monkeypatch.setattr(backbone, "step", short_of_memory)
    apart = score_choices(backbone, prompt_for(backbone), CHOICES)
    for one, other in zip(together.choices, apart.choices, strict=True):
        assert other.text == one.text
        assert other.probability == pytest.approx(one.probability, abs=1e-6)
    assert rows[0] == 1  # the prompt, once
    assert (len(rows) > 2, sum(rows[1:])) == (True, 8)


def test_what_was_scored_before_memory_ran_out_is_not_scored_again(monkeypatch):
    backbone = TinyBackbone()
    expected = score_choices(TinyBackbone(), prompt_for(backbone), CHOICES)
    log_softmax, calls = torch.log_softmax, []

    def exhausted_once(logits, **options):
        calls.append(logits)
        if len(calls) == 4:  # the prompt and two answers were before
            raise torch.OutOfMemoryError("CUDA out of memory")
        return log_softmax(logits, **options)

    monkeypatch.setattr(torch, "log_softmax", exhausted_once)
    found = score_choices(backbone, prompt_for(backbone), CHOICES)
    assert len(calls) == 1 + 8 + 1
    for one, other in zip(expected.choices, found.choices, strict=True):
        assert other.probability == pytest.approx(one.probability, abs=1e-6)


def test_without_memory_for_one_choice_it_is_an_error(monkeypatch):
    backbone = TinyBackbone()
    monkeypatch.setattr(backbone, "repeat_cache", lambda *_: torch.empty(1 << 60))
    with pytest.raises(OutOfMemoryError, match="'cpu' has not enough memory"):
        score_choices(backbone, prompt_for(backbone), CHOICES)


@pytest.mark.parametrize("said", ["green", "green."])
def test_what_the_model_would_say_is_chosen_with_or_without_a_full_stop(said):
    scored = score_choices(
        TinyBackbone(said), prompt_for(TinyBackbone()), ("red", "green", "green and red")
    )
    assert scored.best.text == "green"
    assert scored.best.probability == pytest.approx(1)
    assert scored.num_tokens == len("green")


def test_a_choice_that_another_begins_with_is_not_favoured():
    scored = score_choices(
        TinyBackbone("cat and dog"), prompt_for(TinyBackbone()), ("cat", "cat and dog")
    )
    assert scored.best.text == "cat and dog"


def test_any_stop_token_ends_a_choice(monkeypatch):
    backbone = TinyBackbone()
    prompt = prompt_for(backbone)
    one = log_probability(backbone, prompt, backbone.encode_answer("a"))
    monkeypatch.setattr(backbone, "stop_ids", frozenset([STOP, ANSWER]))
    both = log_probability(backbone, prompt, backbone.encode_answer("a"))
    assert both > one
    scored = score_choices(backbone, prompt, ("a", "b"))
    assert [c.probability for c in scored.choices] == pytest.approx(
        scored_alone(backbone, ("a", "b")), abs=1e-6
    )


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("red", ("red", "red.")),
        ("Yes.", ("Yes.", "Yes")),
        ("50%", ("50%", "50%.")),
        ("red (dark)", ("red (dark)", "red (dark).")),
        ("and …", ("and …",)),
        (".", (".",)),
        ("why?", ("why?",)),
        ("rot 2", ("rot 2", "rot 2.")),
    ],
)
def test_an_answer_may_have_a_full_stop_or_none_unless_it_ends_otherwise(text, forms):
    assert written_forms(text) == forms


def test_choices_that_do_not_fit_behind_the_prompt_are_an_error():
    length = prompt_for(TinyBackbone()).inputs_embeds.shape[1]
    backbone = TinyBackbone(max_context=length + 6)
    with pytest.raises(ContextLengthError, match="longest choice") as caught:
        score_choices(backbone, prompt_for(backbone), ("red", "yellow"))
    assert (caught.value.length, caught.value.limit) == (length + 8, length + 6)


def test_the_first_of_equal_choices_is_the_best():
    scored = score_choices(TinyBackbone("x"), prompt_for(TinyBackbone()), ("x", "y"))
    assert scored.best is scored.choices[0]


def test_a_model_that_overflows_has_no_probabilities():
    backbone = TinyBackbone()
    backbone._head_DV.fill_(torch.nan)
    with pytest.raises(DeviceError, match="logits that are not finite"):
        score_choices(backbone, prompt_for(backbone), CHOICES)
