from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from linvt_cli.backbones.text_tokenizers import load_tokenizer
from linvt_cli.backbones.token_bytes import speller, token_bytes
from tests.tiny_checkpoints import write_tokenizer
from tests.tiny_models import byte_tokenizer
from tests.tiny_sentencepiece import write_sentencepiece

TEXT = 'the dog: {"colour": "red", "count": 12}\n\tsnow\u2603man \u4f60\u597d'


def written(tokenizer: Tokenizer, text: str) -> bytes:
    table = token_bytes(tokenizer)
    return b"".join(table[token] for token in tokenizer.encode(text).ids)


def test_byte_level_tokens_are_the_bytes_of_the_text():
    assert written(byte_tokenizer(), TEXT) == b" " + TEXT.encode()


def test_marks_add_nothing_to_a_text(tmp_path: Path):
    write_tokenizer(tmp_path, ("<|im_start|>", "<|im_end|>"))
    tokenizer = load_tokenizer(tmp_path).backend_tokenizer
    assert written(tokenizer, "<|im_start|>a<|im_end|>") == b"a"


@pytest.mark.parametrize("dummy_prefix", [False, True])
def test_sentencepiece_tokens_are_the_bytes_of_the_text(tmp_path: Path, dummy_prefix):
    write_sentencepiece(tmp_path, dummy_prefix=dummy_prefix)
    tokenizer = load_tokenizer(tmp_path).backend_tokenizer
    assert written(tokenizer, TEXT).removeprefix(b" ") == TEXT.encode()


def test_every_single_byte_is_a_token():
    assert {bytes([byte]) for byte in range(256)} <= set(token_bytes(byte_tokenizer()))


@pytest.mark.parametrize("dummy_prefix", [True, False])
def test_a_text_is_spelled_as_it_was_and_keeps_its_beginning_while_it_grows(tmp_path, dummy_prefix):
    write_sentencepiece(tmp_path, dummy_prefix=dummy_prefix)
    tokenizer = load_tokenizer(tmp_path)
    found = speller(tokenizer.backend_tokenizer)
    assert found is not None
    ids = tokenizer.encode(TEXT)
    assert found.spell(ids) == TEXT == tokenizer.decode(ids, skip_special_tokens=True)
    for end in range(len(ids)):
        assert TEXT.startswith(found.spell(ids[:end]).rstrip("\ufffd"))
    assert found.spell([*ids, 1 << 20]) == TEXT


def test_a_byte_level_tokenizer_needs_no_speller():
    assert speller(byte_tokenizer()) is None
