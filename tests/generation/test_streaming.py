from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linvt_cli.generation.streaming import TextStream
from tests.fakes import TinyBackbone

detokenize = TinyBackbone().detokenize


def pieces(answer: bytes) -> list[str]:
    stream = TextStream(detokenize)
    return [*(stream.push(token) for token in answer), stream.finish()]


@given(st.binary(max_size=40))
def test_the_pieces_are_the_stripped_text_of_all_tokens(answer):
    assert "".join(pieces(answer)) == detokenize(list(answer)).strip()


@given(st.text(max_size=20))
def test_no_piece_holds_half_a_character(text):
    shown = "".join(pieces(text.encode()))
    assert shown == text.strip()
    assert shown.count("\ufffd") == text.count("\ufffd")


@pytest.mark.parametrize("text", ["naïve", "日本語", "a 👩‍👩‍👧 b", "x\u0301y"])
def test_a_character_comes_with_its_last_byte(text):
    stream = TextStream(detokenize)
    shown = ""
    for index, token in enumerate(text.encode()):
        shown += stream.push(token)
        whole = text.encode()[: index + 1].decode(errors="ignore")
        assert shown == whole.rstrip()


def test_white_space_is_held_back_until_a_word_follows():
    assert pieces(b" a  b \n") == ["", "a", "", "", "  b", "", "", ""]


def test_a_broken_character_at_the_end_is_shown_when_the_answer_ends():
    assert pieces("a€".encode()[:-1]) == ["a", "", "", "\ufffd"]


def test_the_length_counts_tokens():
    stream = TextStream(detokenize)
    for token in "é".encode():
        stream.push(token)
    assert len(stream) == 2


def test_an_answer_without_tokens_is_empty():
    assert TextStream(detokenize).finish() == ""
