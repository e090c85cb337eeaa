from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from linvt_cli.backbones.chat import Chat, ChatTemplate
from linvt_cli.backbones.text_tokenizers import load_tokenizer
from tests.tiny_checkpoints import write_tokenizer

TEMPLATE = ChatTemplate(
    before="<|im_start|>user\n",
    image_start="<img>",
    image_end="</img>",
    between="\n",
    after="<|im_end|>\n<|im_start|>assistant\n",
)
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


def test_mere_text_leaves_the_tokenizer_as_it_was(tokenizer):
    chat = Chat(tokenizer, TEMPLATE, "<pad>")
    chat.encode_text("<|im_end|>")
    assert len(tokenizer.encode("<|im_end|>")) == 1
