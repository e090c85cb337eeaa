"""JSON schemas as grammars that generation can follow. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from linvt_cli.errors import ConfigError
from linvt_cli.types import JSONValue

if TYPE_CHECKING:
    from llguidance._lib import JsonCompileOptions

_LAYOUT: JsonCompileOptions = {
    # as models see JSON most often, on one line; free white space could fill an answer
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    # without \u: half a surrogate pair is no character that could be printed
    "json_allowed_escapes": '"\\bfnrt',
}


def compile_schema(schema: Mapping[str, JSONValue]) -> str:
    """Return the grammar of a JSON schema.

    Raises:
        ConfigError: if it is no JSON schema, asks for what cannot be ensured while writing, or has
            no instance.
    """
    from llguidance import LLMatcher

    try:
        text = json.dumps(schema, allow_nan=False)
        grammar = LLMatcher.grammar_from_json_schema(text, overrides=_LAYOUT)
    except (TypeError, ValueError, RecursionError) as error:
        raise _refused(str(error)) from error
    _refuse_open_counts(schema)
    is_error, messages = LLMatcher.validate_grammar_with_warnings(grammar)
    if is_error:
        raise _refused(messages[0])
    return grammar


def _refuse_open_counts(schema: Any) -> None:
    """Refuse a least number of properties of any name: nothing keeps a name from coming twice.

    Raises:
        ConfigError: if there is such a number.
    """
    if not isinstance(schema, Mapping):
        return
    least, required = schema.get("minProperties", 0), schema.get("required", ())
    known = len(required) if isinstance(required, list) else 0
    if isinstance(least, int) and least > max(1, known):
        raise _refused(f"minProperties is {least}, and only {known} are required by name")
    for below in _schemas_in(schema):
        _refuse_open_counts(below)


def _schemas_in(schema: Mapping[str, Any]) -> Iterator[Any]:
    for key in ("items", "additionalItems", "additionalProperties"):
        yield schema.get(key)
    for key in ("prefixItems", "anyOf", "allOf", "oneOf"):
        yield from schema[key] if isinstance(schema.get(key), list) else ()
    for key in ("properties", "patternProperties", "$defs", "definitions"):
        yield from schema[key].values() if isinstance(schema.get(key), Mapping) else ()


def _refused(cause: str) -> ConfigError:
    lines = [line.strip() for line in cause.splitlines() if line.strip(" ^")]
    return ConfigError(
        f"The JSON schema cannot be followed: {' '.join(lines)}",
        field="schema",
        hint="what a schema may hold: docs/guides/structured-answers.md",
    )
