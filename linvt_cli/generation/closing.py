"""How a document that was cut off is closed: the few bytes that make it whole.

A grammar says which byte may come next, not how far the end is. So the end is walked to, byte by
byte: always to what leads out of where one stands (a closing quote before another letter, null
before an object), and within a string or a number to what was taken least at the same fork, so that
no pattern is walked in circles.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

_MAX_BYTES = 1 << 14
_END = 256
_QUOTE, _BACKSLASH = b'"\\'
# Outside of strings, best first: close, go on, then values by how soon they are likely to end.
_GROUPS = (b"}]", b",: ", b"0123456789", b"ntf", b'"', b"[", b"{", b"-.eE+")
_GROUP_OF = {byte: place for place, group in enumerate(_GROUPS) for byte in group}


class _Bytes:
    """A text tokenizer, for the grammar, whose tokens are the bytes and an end."""

    eos_token_id = _END
    bos_token_id = None
    tokens = (*(bytes([byte]) for byte in range(256)), b"")
    special_token_ids = (_END,)

    def __call__(self, text: bytes) -> list[int]:
        return list(text)


class Closer:
    """Finds the end of documents of one grammar.

    Args:
        grammar: of llguidance.
    """

    def __init__(self, grammar: str) -> None:
        from llguidance import LLMatcher

        self._start = LLMatcher(_tokenizer(), grammar, log_level=0)

    def close(self, beginning: bytes) -> bytes | None:
        """Return a short text that completes a document, or None where none is found.

        Args:
            beginning: of a document of the grammar; may end within a character.
        """
        matcher = self._start.deep_copy()
        if not matcher.consume_tokens(list(beginning)):
            return None
        walk = _Walk(matcher, _Place(beginning))
        while not matcher.is_accepting():
            if len(walk.path) > _MAX_BYTES or not walk.go_on():
                return None
        return bytes(walk.path)


class _Place:
    """Whether one stands inside of a JSON string."""

    def __init__(self, text: bytes) -> None:
        self.in_string = False
        self._is_escaped = False
        self.move(text)

    def move(self, text: bytes) -> None:
        for byte in text:
            if self._is_escaped:
                self._is_escaped = False
            elif self.in_string and byte == _BACKSLASH:
                self._is_escaped = True
            elif byte == _QUOTE:
                self.in_string = not self.in_string


class _Walk:
    """A way to the end of a document."""

    def __init__(self, matcher: LLMatcher, place: _Place) -> None:
        self._matcher = matcher
        self._place = place
        self._taken: Counter[tuple[bytes, int]] = Counter()  # at each fork, known by its ways
        self._ways_before: frozenset[int] = frozenset()
        self.path = bytearray()

    def go_on(self) -> bool:
        """Take a step; False where there is none."""
        step = self._matcher.compute_ff_bytes() or self._choose()
        self._place.move(step)
        self.path += step
        return step != b"" and bool(self._matcher.consume_tokens(list(step)))

    def _choose(self) -> bytes:
        fork = self._matcher.compute_bitmask()
        ways = _set_bits(fork)
        if self._place.in_string and _QUOTE in ways:
            return b'"'
        if not ways:
            return b""
        byte = min(ways, key=lambda way: self._cost(fork, way))
        self._taken[fork, byte] += 1
        self._ways_before = ways
        return bytes([byte])

    def _cost(self, fork: bytes, way: int) -> tuple[int, int, int]:
        taken = self._taken[fork, way]
        if self._place.in_string:  # a way that was not there before is likely to lead on
            return taken + 2 * (way in self._ways_before), not chr(way).isalnum(), way
        return _GROUP_OF.get(way, len(_GROUPS)), taken, way


def _set_bits(mask: bytes) -> frozenset[int]:
    bits = int.from_bytes(mask, "little")
    return frozenset(byte for byte in range(_END) if bits >> byte & 1)


_shared: dict[str, Any] = {}


def _tokenizer() -> LLTokenizer:
    from llguidance import LLTokenizer, TokenizerWrapper

    if not _shared:
        _shared["bytes"] = LLTokenizer(TokenizerWrapper(_Bytes()), slices=[])
    made: LLTokenizer = _shared["bytes"]
    return made
