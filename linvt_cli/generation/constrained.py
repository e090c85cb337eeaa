"""Answers that follow a JSON schema: at each step only tokens that can still lead to a document.

llguidance says which these are. Where the answer would be longer than it may be, the document is
closed: as much of it is kept as leaves room for a short end.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, localcontext
from textwrap import shorten
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from linvt_cli.errors import UnfinishedDocumentError
from linvt_cli.generation.closing import Closer
from linvt_cli.generation.decode import Completion, Stepper, statistics
from linvt_cli.generation.sampler import make_sampler
from linvt_cli.generation.schema import compile_schema, in_dialect
from linvt_cli.types import FinishReason, JSONValue, PromptEmbeds

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from llguidance import LLMatcher

    from linvt_cli.backbones.base import Backbone
    from linvt_cli.config import GenerationConfig

_MOST_DIGITS = 10_000  # of a quotient: more than the longest whole number by the least step has


def write_document(
    backbone: Backbone,
    prompt: PromptEmbeds,
    config: GenerationConfig,
    schema: Mapping[str, JSONValue],
    *,
    num_visual_tokens: int,
    interrupted: Callable[[], bool] | None = None,
) -> Completion:
    """Generate a JSON document that fits a schema.

    Args:
        backbone: reads the prompt and writes the answer.
        prompt: leaves room for at least one token in the backbone's context.
        config: how tokens are chosen, and how many at most.
        schema: of JSON.
        num_visual_tokens: T·N, for the statistics.
        interrupted: asked before each step; True closes the document where it is.

    Returns:
        The whole document; ``length`` where it had to be closed.

    Raises:
        ConfigError: if the schema cannot be followed.
        UnfinishedDocumentError: if no document of the schema was found that is short enough.
        DeviceError: if the logits behind the prompt are not finite.
        OutOfMemoryError: if the device runs out of memory.
    """
    grammar = compile_schema(schema)
    document = _Document(backbone, grammar)
    model = Stepper(backbone, prompt, document.only_allowed(make_sampler(config)))
    room = min(config.max_new_tokens, backbone.max_context - prompt.inputs_embeds.shape[1])
    reason: FinishReason = "length"
    while len(document.ids) < room:
        if interrupted is not None and interrupted():
            reason = "interrupted"
            break
        if document.push(model.next_token()):
            reason = "stop"
            break
    if reason != "stop":
        document.close(Closer(grammar), room, config.max_new_tokens)
    return Completion(
        document.text,
        reason,
        statistics(prompt, model.seconds, len(document.ids), num_visual_tokens),
    )


def parse_document(text: str, schema: Mapping[str, JSONValue]) -> JSONValue:
    """Return the value of a generated document, checked once more against its schema.

    Numbers beyond those that a float can hold become the largest float, as in jq: JSON has no word
    for infinity.

    Raises:
        UnfinishedDocumentError: if the grammar was wider than the schema, as for numbers between
            very narrow bounds, or it is nested deeper than Python reads.
    """
    from jsonschema.validators import extend

    try:
        value: JSONValue = json.loads(text, parse_float=_finite, parse_int=_integer)
        dialect, form = in_dialect(schema)
        checker: Any = extend(dialect, {"multipleOf": _multiples})(form)  # type: ignore[no-untyped-call]
        fault = next(checker.iter_errors(value), None)
    except RecursionError as error:
        raise UnfinishedDocumentError(
            "The answer is nested too deeply to be read", hint="bound the depth in the schema"
        ) from error
    except re.error:  # a pattern that the grammar knows and Python does not
        return value
    if fault is not None:
        raise UnfinishedDocumentError(
            f"The answer does not fit the schema: {shorten(fault.message, 200)}",
            hint="use a simpler schema",
        )
    return value


def _multiples(_: object, step: Any, value: Any, __: object) -> Iterator[ValidationError]:
    """Check ``multipleOf`` in decimals, as the grammar does: 0.3 is three times 0.1."""
    from jsonschema import ValidationError

    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    with localcontext(prec=_MOST_DIGITS):
        if Decimal(repr(value)) % Decimal(repr(step)):
            yield ValidationError(f"{value} is not a multiple of {step}")


class _Document:
    """A document while it grows."""

    def __init__(self, backbone: Backbone, grammar: str) -> None:
        from llguidance import LLMatcher

        self._vocabulary = _vocabulary(backbone)
        self._tokenizer = self._vocabulary.trie
        self._stop_ids = backbone.stop_ids
        self._matcher: LLMatcher = LLMatcher(self._tokenizer, grammar, log_level=0)
        self.ids: list[int] = []

    @property
    def text(self) -> str:
        return self._tokenizer.decode_bytes(self.ids).decode()

    def only_allowed(self, sample: Callable[[Tensor], int]) -> Callable[[Tensor], int]:
        """Return the sampler without the tokens that would leave the grammar."""

        def sample_allowed(logits_V: Tensor) -> int:
            return sample(logits_V.masked_fill(~self._allowed(logits_V), -torch.inf))

        return sample_allowed

    def _allowed(self, logits_V: Tensor) -> Tensor:
        mask = torch.frombuffer(bytearray(self._matcher.compute_bitmask()), dtype=torch.uint8)
        bits = mask[:, None] >> torch.arange(8, dtype=torch.uint8) & 1
        allowed_V = torch.zeros(len(logits_V), dtype=torch.bool)
        bits = bits.flatten()[: len(allowed_V)].bool()
        allowed_V[: len(bits)] = bits
        self._check()  # else the end alone would be allowed
        return allowed_V.to(logits_V.device)

    def push(self, token: int) -> bool:
        """Add a token, and return whether the document is whole."""
        if token in self._stop_ids:
            return True
        self.ids.append(token)
        self._matcher.consume_token(token)
        self._check()
        return bool(self._matcher.is_stopped())

    def _check(self) -> None:
        if self._matcher.is_error():
            raise UnfinishedDocumentError(
                "The JSON schema is too complex to be followed", hint="use a simpler schema"
            )

    def close(self, closer: Closer, room: int, asked: int) -> None:
        """End the document within ``room`` of the ``asked`` tokens, and keep as much as possible.

        Raises:
            UnfinishedDocumentError: if no end was found, however little is kept.
        """
        kept = len(self.ids)
        while True:
            end = closer.close(self._tokenizer.decode_bytes(self.ids[:kept]))
            closing = None if end is None else self._vocabulary.greedy_ids(end)
            if closing is not None and kept + len(closing) <= room:
                self.ids = [*self.ids[:kept], *closing]
                return
            if kept == 0:
                raise _unfinished(room, None if closing is None else len(closing), asked)
            excess = 8 if closing is None else kept + len(closing) - room
            kept = max(0, kept - max(1, excess // 2))


def _unfinished(room: int, needed: int | None, asked: int) -> UnfinishedDocumentError:
    if needed is None:
        return UnfinishedDocumentError(
            f"No document of the schema was found within {room} tokens", hint="use a simpler schema"
        )
    in_context = (
        "use fewer video tokens (another --tokenizer, fewer --frames) or a shorter question"
    )
    in_answer = f"--max-new-tokens {needed} or more"
    ways = [in_answer] if needed > asked else []
    ways += [in_context] if room < asked else []
    return UnfinishedDocumentError(
        f"A document of the schema does not fit into {room} tokens",
        hint=f"a short one takes {needed}: {', and '.join(ways or [in_answer])}",
    )


class _Vocabulary:
    """A backbone's tokens as the grammar wants to see them.

    Building the trie takes up to a second for 150,000 tokens.
    """

    bos_token_id = None

    def __init__(self, backbone: Backbone) -> None:
        from llguidance import LLTokenizer, TokenizerWrapper

        stops = sorted(backbone.stop_ids)
        table = backbone.vocabulary()
        self.eos_token_id = stops[0]
        self.tokens = [*table, *[b""] * (stops[-1] + 1 - len(table))]
        self.special_token_ids = [index for index, text in enumerate(self.tokens) if text == b""]
        self._id_of = {text: index for index, text in enumerate(self.tokens) if text}
        self._longest = max(map(len, self._id_of))
        self.trie = LLTokenizer(TokenizerWrapper(self), eos_token=stops)

    def __call__(self, text: bytes) -> list[int]:
        return self.greedy_ids(text)

    def greedy_ids(self, text: bytes) -> list[int]:
        """Return tokens that write a text, each the longest that fits."""
        ids = []
        start = 0
        while start < len(text):
            lengths = range(min(self._longest, len(text) - start), 0, -1)
            length = next(size for size in lengths if text[start : start + size] in self._id_of)
            ids.append(self._id_of[text[start : start + length]])
            start += length
        return ids


_vocabularies: WeakKeyDictionary[Any, _Vocabulary] = WeakKeyDictionary()


def _vocabulary(backbone: Backbone) -> _Vocabulary:
    if backbone not in _vocabularies:
        _vocabularies[backbone] = _Vocabulary(backbone)
    return _vocabularies[backbone]


def _finite(text: str) -> float:
    largest = sys.float_info.max
    return min(max(float(text), -largest), largest)


def _integer(text: str) -> int | float:
    return int(text) if len(text) <= sys.int_info.default_max_str_digits else _finite(text)
