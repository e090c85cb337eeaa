"""What each token of a text tokenizer adds to a text, as bytes.

Generation that follows a grammar needs it: a token may end in the middle of a word of the grammar,
or of a character.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer

_SPACE = "\u2581"  # how SentencePiece writes a space
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")  # how SentencePiece writes a byte


def token_bytes(tokenizer: Tokenizer) -> list[bytes]:
    """Return the bytes of each token, by id; nothing for ids without one and for added tokens.

    Added tokens are marks of a chat template, or spare ones: no text needs them.
    """
    read = _read_byte_level if "ByteLevel" in _decoders(tokenizer) else _read_sentencepiece
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    marks = tokenizer.get_added_tokens_decoder()
    table = [b""] * (max(vocabulary.values()) + 1)
    for token, index in vocabulary.items():
        if index not in marks:
            table[index] = read(token)
    return table


class Speller:
    """Writes a text from ids byte by byte, so that nothing written changes with what follows.

    A decoder that falls back to bytes shows all bytes in a row, line breaks among them, as
    unreadable while one character of theirs is incomplete.

    Args:
        tokenizer: one that falls back to bytes.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._table = token_bytes(tokenizer)
        self._leads = "Strip" in _decoders(tokenizer)  # a space that stands in front of all

    def spell(self, ids: Sequence[int]) -> str:
        """Return the text without marks; ids of no token add nothing."""
        known = (self._table[token] for token in ids if token < len(self._table))
        text = b"".join(known).decode(errors="replace")
        return text.removeprefix(" ") if self._leads else text


def speller(tokenizer: Tokenizer) -> Speller | None:
    """Return what writes texts where the tokenizer's own decoder takes back what it wrote."""
    return Speller(tokenizer) if "ByteFallback" in _decoders(tokenizer) else None


def _decoders(tokenizer: Tokenizer) -> set[str]:
    described: dict[str, Any] = json.loads(tokenizer.to_str())["decoder"] or {}
    return (
        {part["type"] for part in (described, *described.get("decoders", ()))}
        if described
        else set()
    )


def _read_byte_level(token: str) -> bytes:
    try:
        return bytes(_BYTE_OF[character] for character in token)
    except KeyError:  # no piece of a byte-level alphabet: nothing can be said of it
        return b""


def _read_sentencepiece(token: str) -> bytes:
    if byte := _BYTE.fullmatch(token):
        return bytes([int(byte[1], 16)])
    return token.replace(_SPACE, " ").encode()


def _byte_level_alphabet() -> dict[str, int]:
    """Return the byte that each character stands for, as GPT-2 wrote bytes.

    Printable characters of Latin-1 stand for themselves; the other bytes, in order, are the
    characters from 256 on.
    """
    own = {*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = (byte for byte in range(256) if byte not in own)
    moved = {chr(256 + number): byte for number, byte in enumerate(others)}
    return {**{chr(byte): byte for byte in own}, **moved}


_BYTE_OF = _byte_level_alphabet()
