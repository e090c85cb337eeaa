from __future__ import annotations

import pytest
import torch

from linvt_cli.config import ANY_SHAPE, AnswerShape, GenerationConfig
from linvt_cli.generation.decode import Completion
from linvt_cli.generation.prompt import assemble
from linvt_cli.generation.shapes import complete
from tests.fakes import TinyBackbone


def completion(backbone: TinyBackbone, shape: AnswerShape) -> Completion:
    generator = torch.Generator().manual_seed(5)
    video_KD = torch.randn((4, backbone.embed_dim), generator=generator)
    prompt = assemble(backbone, video_KD, "what?")
    return complete(backbone, prompt, GenerationConfig(32), shape, num_visual_tokens=9)


def test_an_answer_of_any_shape_is_what_the_model_says():
    answer = completion(TinyBackbone("a dog"), ANY_SHAPE)
    assert (answer.text, answer.finish_reason) == ("a dog", "stop")
    assert (answer.choices, answer.structured) == (None, None)


def test_a_choice_is_the_text_of_the_most_probable():
    answer = completion(TinyBackbone("dog"), AnswerShape(("Cat", "dog")))
    assert (answer.text, answer.finish_reason) == ("dog", "stop")
    assert answer.choices is not None
    assert [choice.text for choice in answer.choices] == ["Cat", "dog"]
    assert answer.structured is None
    assert answer.stats.num_generated_tokens == 3
    assert answer.stats.num_visual_tokens == 9


@pytest.mark.parametrize(("least", "reason"), [(1.0, "abstained"), (0.2, "stop")])
def test_a_best_choice_that_is_too_improbable_is_not_given(least, reason):
    shape = AnswerShape(("red", "green", "blue"), abstain_below=least)
    answer = completion(TinyBackbone(), shape)
    assert answer.choices is not None
    assert max(choice.probability for choice in answer.choices) < 1
    assert answer.finish_reason == reason
    assert (answer.text == "") == (reason == "abstained")


def test_a_document_comes_with_its_value():
    answer = completion(TinyBackbone('{"a": [1, 2]}'), AnswerShape(schema={"type": "object"}))
    assert answer.text == '{"a": [1, 2]}'
    assert answer.structured == {"a": [1, 2]}
