"""How every image-LLM reads a conversation: its published template, and what was said in order."""

from __future__ import annotations

import pytest

from linvt_cli.backbones.base import Backbone
from linvt_cli.backbones.image_llm import ImageLLM
from linvt_cli.types import Turn
from tests.all_backbones import BUILDERS, build

HISTORY = (Turn("Who is there?", "A dog."), Turn("Where?", "Left."))

# What follows the images, as the code that trained each model, or its chat template, writes it.
QWEN = (
    "<|im_end|>\n<|im_start|>assistant\n",
    "<|im_end|>\n<|im_start|>user\n",
)
INTERNVL2 = ("<|im_end|><|im_start|>assistant\n", "<|im_end|><|im_start|>user\n")
PHI3_INTERNVL2 = ("<|end|><|assistant|>\n", "<|end|><|user|>\n")
BLIP3 = ("<|end|>\n<|assistant|>\n", "<|end|>\n<|user|>\n")
MIPHA = (" ASSISTANT: ", "<|endoftext|>USER: ")
MOLMO = (" Assistant: ", "<|endoftext|> User: ")
SMOLVLM = ("<end_of_utterance>\nAssistant: ", "<end_of_utterance>\nUser: ")
PUBLISHED = {
    "qwen2-vl": QWEN,
    "qwen2.5-vl": QWEN,
    "internvl2 with qwen2": INTERNVL2,
    "internvl2 with internlm2": INTERNVL2,
    "internvl2 with phi3": PHI3_INTERNVL2,
    "internvl3": QWEN,
    "aquila-vl": QWEN,
    "llava-onevision": QWEN,
    "mipha with phi-2": MIPHA,
    "mipha with phi-1.5": MIPHA,
    "molmo 7b-d": MOLMO,
    "molmo 7b-o": MOLMO,
    "molmo moe": MOLMO,
    "blip-3": BLIP3,
    "smolvlm2": SMOLVLM,
}


@pytest.fixture(params=BUILDERS)
def backbone(request: pytest.FixtureRequest) -> Backbone:
    return build(request.param)


def conversing(backbone: Backbone) -> Backbone:
    if not backbone.converses:
        pytest.skip("it was trained on single questions")
    return backbone


@pytest.mark.parametrize("name", PUBLISHED)
def test_turns_are_joined_as_published(name):
    backbone = build(name)
    assert isinstance(backbone, ImageLLM)
    answering, going_on = PUBLISHED[name]
    ids = [token for token in backbone.render_prompt("Then?", 1, HISTORY)[-1] if token >= 0]
    text = backbone.tokenizer.decode(
        ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
    )
    said = f"Who is there?{answering}A dog.{going_on}Where?{answering}Left.{going_on}Then?"
    assert text.endswith(said + answering.rstrip(" "))


def test_no_history_is_a_single_question(backbone):
    assert backbone.render_prompt("Then?", 1, ()) == backbone.render_prompt("Then?")


def test_the_images_stand_before_all_turns(backbone):
    first, last = conversing(backbone).render_prompt("Then?", 1, HISTORY)
    assert first == backbone.render_prompt("Then?")[0]
    text = backbone.detokenize(last)
    places = [text.index(said) for said in ("Who is", "A dog", "Where?", "Left", "Then?")]
    assert places == sorted(places)


def test_an_answer_that_was_said_ends_with_a_stop_token(backbone):
    *_, last = conversing(backbone).render_prompt("Then?", 1, HISTORY)
    *_, single = backbone.render_prompt("Then?")
    stops, single_stops = (
        sum(token in backbone.stop_ids for token in ids) for ids in (last, single)
    )
    assert stops >= single_stops + len(HISTORY)


@pytest.mark.parametrize("name", ["nano", "tiny nano"])
def test_nano_refuses_a_history(name):
    assert not build(name).converses
    with pytest.raises(ValueError, match="single questions"):
        build(name).render_prompt("Then?", 1, HISTORY)
