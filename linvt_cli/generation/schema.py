"""JSON schemas as grammars that generation can follow. Imports no torch."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from textwrap import shorten
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
_NAMED = {"properties", "patternProperties", "$defs", "definitions"}  # schemas by any name
_DATA = {"const", "enum"}
_ANNOTATIONS = {"title", "description", "$comment", "default", "examples", "deprecated"}
_OLD_PLACE = re.compile(r"/items/(\d+)(?=/|$)")


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
    _refuse_odd_values(schema)
    return grammar


def in_dialect(schema: Mapping[str, JSONValue]) -> tuple[Any, dict[str, Any]]:
    """Return the class of jsonschema that checks documents of a schema, and the schema for it.

    In the latest dialect, which is also that of schemas that declare none, a list in ``items`` has
    become ``prefixItems``: the grammar knows that old form, as Pydantic 1 writes it, and jsonschema
    does not. No part declares a dialect any more, or jsonschema would change to its own class.
    """
    from jsonschema.validators import Draft202012Validator, validator_for

    declared = schema.get("$schema")
    known = {"$schema": declared} if isinstance(declared, str) else {}
    dialect = validator_for(known, default=Draft202012Validator)
    return dialect, _rewritten(schema, is_latest=dialect is Draft202012Validator)


def _rewritten(part: Any, *, is_latest: bool) -> Any:
    """Return a copy of a schema, or of what stands in one, as ``in_dialect`` says."""
    if isinstance(part, list):
        return [_rewritten(each, is_latest=is_latest) for each in part]
    if not isinstance(part, Mapping):
        return part
    new: dict[str, Any] = {}
    for key, value in part.items():
        if key in _NAMED and isinstance(value, Mapping):
            new[key] = {n: _rewritten(each, is_latest=is_latest) for n, each in value.items()}
        elif isinstance(value, Mapping) or key not in _ANNOTATIONS:
            new[key] = value if key in _DATA else _rewritten(value, is_latest=is_latest)
    if isinstance(new.get("$schema"), str):
        del new["$schema"]
    return _without_old_form(new) if is_latest else new


def _without_old_form(part: dict[str, Any]) -> dict[str, Any]:
    if isinstance(part.get("items"), list):
        part["prefixItems"] = part.pop("items")
        if "additionalItems" in part:
            part["items"] = part["additionalItems"]
    if isinstance(part.get("$ref"), str):
        part["$ref"] = _OLD_PLACE.sub(r"/prefixItems/\1", part["$ref"])
    return part


def _refuse_odd_values(schema: Mapping[str, JSONValue]) -> None:
    """Refuse what the grammar passes over and jsonschema stumbles on, as ``"$id": 5``.

    Raises:
        ConfigError: if a keyword has a value of a kind that it cannot have.
    """
    from jsonschema.exceptions import best_match

    dialect, form = in_dialect(schema)
    with suppress(RecursionError):  # nested deeply, and fit to be followed all the same
        faults = dialect(dialect.META_SCHEMA).iter_errors(form)
        worst = best_match(each for each in faults if each.validator in {"type", "anyOf"})
        if worst is not None:
            raise _refused(shorten(f"{worst.json_path}: {worst.message}", 200))


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
