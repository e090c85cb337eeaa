"""Turns a growing list of token ids into pieces of text that never have to be taken back."""

from __future__ import annotations

from collections.abc import Callable

_INCOMPLETE = "\ufffd"  # what a decoder shows for the first bytes of a character


class TextStream:
    """The text of one answer while it grows.

    The end of the text is held back as long as it may still change: an incomplete UTF-8 character,
    which the next token may finish, and white space, which is dropped at the end of an answer. All
    pieces together are the stripped text of all ids.

    The whole list is decoded at each push, because what a token reads as depends on its
    neighbours. For an answer of 256 tokens that is less than the cost of one of its steps.

    Args:
        detokenize: the backbone's own, from ids to text.
    """

    def __init__(self, detokenize: Callable[[list[int]], str]) -> None:
        self._detokenize = detokenize
        self._ids: list[int] = []
        self._emitted = 0  # characters of the stripped text

    def __len__(self) -> int:
        """Return the number of tokens so far."""
        return len(self._ids)

    def push(self, token: int) -> str:
        """Add a token and return the text that has become final with it, often a word."""
        self._ids.append(token)
        return self._emit(self._text().rstrip(_INCOMPLETE).rstrip())

    def finish(self) -> str:
        """Return what was held back, with incomplete characters as they are."""
        return self._emit(self._text().rstrip())

    def _text(self) -> str:
        return self._detokenize(self._ids).lstrip()

    def _emit(self, final: str) -> str:
        piece = final[self._emitted :]
        self._emitted += len(piece)
        return piece
