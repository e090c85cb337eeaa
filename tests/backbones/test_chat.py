from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from linvt_cli.backbones.chat import Chat, ChatTemplate
from linvt_cli.backbones.text_tokenizers import load_tokenizer
from linvt_cli.types import Turn
from tests.tiny_checkpoints import write_tokenizer
from tests.tiny_sentencepiece import write_phi3_tokenizer, write_sentencepiece

TEMPLATE = ChatTemplate(
    before="<|im_start|>user\n",
    image_start="<img>",
    image_end="</img>",
    between="\n",
    after="<|im_end|>\n<|im_start|>assistant\n",
    answering=" ",
    going_on="<|im_end|>\n<|im_start|>user\n",
)
TURNS = (Turn("who?", "a dog."), Turn("where?", "here."))
MARKS = ("<|im_start|>", "<|im_end|>", "<img>", "</img>", "<pad>")


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(folder, MARKS)
    return load_tokenizer(folder)


@pytest.mark.parametrize("image_mark", ["<pad>", None])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_pieces_joined_by_images_are_the_whole_prompt(tokenizer, image_mark, number):
    pieces = Chat(tokenizer, TEMPLATE, image_mark).render("what?", number)
    assert len(pieces) == number + 1
    images = "<img><pad></img>\n" * number
    text = f"<|im_start|>user\n{images}what?<|im_end|>\n<|im_start|>assistant\n"
    mark = tokenizer.convert_tokens_to_ids("<pad>")
    joined = list(pieces[0])
    for piece in pieces[1:]:
        joined += [mark, *piece]
    assert joined == tokenizer.encode(text)


@pytest.mark.parametrize("image_mark", ["<pad>", None])
def test_several_images_are_numbered_where_the_template_has_a_label(tokenizer, image_mark):
    chat = Chat(tokenizer, replace(TEMPLATE, image_label="Frame{number}: "), image_mark)
    pieces = chat.render("what?", 3)
    assert [tokenizer.decode(piece) for piece in pieces] == [
        "<|im_start|>user\nFrame1: <img>",
        "</img>\nFrame2: <img>",
        "</img>\nFrame3: <img>",
        "</img>\nwhat?<|im_end|>\n<|im_start|>assistant\n",
    ]
    assert chat.render("what?", 1) == Chat(tokenizer, TEMPLATE, image_mark).render("what?", 1)


@pytest.mark.parametrize("image_mark", ["<pad>", None])
def test_a_question_with_marks_stands_where_one_without_stands(tokenizer, image_mark):
    chat = Chat(tokenizer, TEMPLATE, image_mark)
    question = "is <|im_end|> or <pad> here?"
    before, after = chat.render(question, 1)
    plain_before, plain_after = chat.render("x", 1)
    (x,) = chat.encode_text("x")
    at = plain_after.index(x)
    letters = chat.encode_text(question)
    assert before == plain_before
    assert after == [*plain_after[:at], *letters, *plain_after[at + 1 :]]
    assert tokenizer.decode(letters) == question
    assert tokenizer.convert_tokens_to_ids("<|im_end|>") not in letters


@pytest.mark.parametrize("image_mark", ["<pad>", None])
def test_a_conversation_is_the_whole_text_of_its_turns(tokenizer, image_mark):
    before, after = Chat(tokenizer, TEMPLATE, image_mark).render("and then?", 1, TURNS)
    answering = "<|im_end|>\n<|im_start|>assistant\n"
    again = "<|im_end|>\n<|im_start|>user\n"
    text = (
        f"</img>\nwho?{answering} a dog.{again}where?{answering} here.{again}and then?{answering}"
    )
    assert before == tokenizer.encode("<|im_start|>user\n<img>")
    assert after == tokenizer.encode(text, add_special_tokens=False)


@pytest.mark.parametrize("image_mark", ["<pad>", None])
@pytest.mark.parametrize("place", ["question", "earlier question", "earlier answer"])
def test_marks_are_mere_text_wherever_they_were_said(tokenizer, image_mark, place):
    chat = Chat(tokenizer, TEMPLATE, image_mark)
    said = "is <|im_end|> or <pad> here?"

    def render(words: str) -> list[list[int]]:
        first, answer, question = (
            words if place == name else "y"
            for name in ("earlier question", "earlier answer", "question")
        )
        return chat.render(question, 1, (Turn(first, answer), Turn("y", "y")))

    before, after = render(said)
    plain_before, plain_after = render("x")
    (x,) = chat.encode_text("x")
    at = plain_after.index(x)
    assert before == plain_before
    assert after == [*plain_after[:at], *chat.encode_text(said), *plain_after[at + 1 :]]


def test_a_template_of_single_questions_knows_no_history(tokenizer):
    single = replace(TEMPLATE, going_on=None)
    with pytest.raises(ValueError, match="single questions"):
        Chat(tokenizer, single, "<pad>").render("and then?", 1, TURNS)


def test_mere_text_leaves_the_tokenizer_as_it_was(tokenizer):
    chat = Chat(tokenizer, TEMPLATE, "<pad>")
    chat.encode_text("<|im_end|>")
    assert len(tokenizer.encode("<|im_end|>")) == 1


PHI3 = ChatTemplate(
    before="<|user|>\n", after="<|end|><|assistant|>\n", going_on="<|end|><|user|>\n"
)


@pytest.fixture(scope="module")
def swallowing(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A tokenizer whose marks swallow the line break behind them, as Phi-3's do."""
    folder: Path = tmp_path_factory.mktemp("swallowing")
    size = write_sentencepiece(folder, dummy_prefix=True).get_piece_size()
    marks = ("<|user|>", "<|end|>", "<|assistant|>", "<pad>")
    added = {
        str(size + number): {"content": mark, "rstrip": mark != "<pad>"}
        for number, mark in enumerate(marks)
    }
    config = json.dumps({"added_tokens_decoder": added})
    (folder / "tokenizer_config.json").write_text(config)
    return load_tokenizer(folder)


def test_an_answer_stands_behind_the_prompt_where_marks_swallow_line_breaks(swallowing):
    chat = Chat(swallowing, PHI3, "<pad>")
    _, whole = chat.render("who?", 1)
    text = "who?<|end|><|assistant|>\na dog."
    expected = swallowing.encode(text, add_special_tokens=False)
    assert whole + chat.encode_answer("a dog.") == expected


def test_marks_in_a_question_leave_the_line_breaks_swallowed(swallowing):
    chat = Chat(swallowing, PHI3, "<pad>")
    said = "is <|end|> here?"
    _, rendered = chat.render(said, 1)
    marks = swallowing.convert_tokens_to_ids(["<|end|>", "<|assistant|>"])
    assert rendered == [*chat.encode_text(said), *marks]


@pytest.fixture(scope="module")
def spaced_once(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A tokenizer that puts a space in front of a whole prompt alone, as Phi-3's does."""
    folder: Path = tmp_path_factory.mktemp("spaced")
    write_phi3_tokenizer(folder, ("<|user|>", "<|end|>", "<|assistant|>", "<pad>"))
    return load_tokenizer(folder)


def test_what_stands_behind_the_template_has_no_space_in_front(spaced_once):
    chat = Chat(spaced_once, PHI3, "<pad>")
    space, *dog = chat.encode_text("the dog <|end|>")
    assert spaced_once.convert_ids_to_tokens(space).startswith("\u2581")
    dog = spaced_once.encode("<pad>the dog <", add_special_tokens=False)[1:-1]
    for words in ("the dog <", "the dog <|end|>", "the dog <pad>"):
        _, rendered = chat.render(words, 1)
        assert rendered[: len(dog)] == dog
        assert chat.encode_answer(words)[: len(dog)] == dog
