from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from linvt_cli.generation import closing
from linvt_cli.generation.closing import Closer
from linvt_cli.generation.schema import compile_schema

NODE: dict[str, Any] = {
    "type": "object",
    "properties": {"v": {"type": "integer"}, "c": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
    "required": ["v", "c"],
    "additionalProperties": False,
}
COLOURS: dict[str, Any] = {
    "type": "array",
    "items": {"enum": ["red", "green", "blue"]},
    "minItems": 12,
}


@pytest.mark.parametrize(
    ("schema", "beginning"),
    [
        ({}, ""),
        ({}, '[[{"a": "b\\'),
        ({}, "[" * 300),
        ({"type": "string", "pattern": "^[ab]*c$"}, '"aab'),
        ({"type": "string", "pattern": "^[a-z]+@[a-z]+[.]com$"}, '"m'),
        ({"type": "string", "pattern": "^(foo|bar)+baz[0-9]{3}$"}, '"foob'),
        ({"type": "string", "minLength": 60}, '"abc'),
        ({"type": "string", "format": "uuid"}, '"0'),
        ({"type": "string", "format": "email"}, ""),
        ({"type": "string", "format": "date-time"}, ""),
        ({"type": "integer", "minimum": 1000, "multipleOf": 7}, "4"),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, ""),
        ({"type": "object", "minProperties": 1}, ""),
        ({"type": "object", "minProperties": 1, "additionalProperties": {"const": 3}}, '{"a'),
        (COLOURS, '["r'),
        (NODE, '{"v": 12, "c": {"v": 3, "c": {'),
    ],
    ids=str,
)
def test_what_was_begun_is_closed(schema: dict[str, Any], beginning: str):
    end = Closer(compile_schema(schema)).close(beginning.encode())
    assert end is not None
    document = json.loads(beginning + end.decode())
    jsonschema.validate(document, schema, format_checker=jsonschema.FormatChecker())


@pytest.mark.parametrize(
    ("schema", "beginning", "end"),
    [
        ({"type": "string"}, '"The dog ru', '"'),
        ({"type": "object", "properties": {"n": {"type": "integer"}}}, '{"n": 12', "}"),
        ({"type": "array", "items": {"type": "boolean"}}, "[true, f", "alse]"),
        (NODE, '{"v": 1, "c": ', "null}"),
        ({"type": "boolean"}, "true", ""),
    ],
    ids=str,
)
def test_the_end_is_short(schema: dict[str, Any], beginning: str, end: str):
    assert Closer(compile_schema(schema)).close(beginning.encode()) == end.encode()


def test_a_character_that_was_begun_is_finished():
    beginning = '"schö'.encode()[:-1]
    end = Closer(compile_schema({"type": "string"})).close(beginning)
    assert end is not None
    assert json.loads((beginning + end).decode()).startswith("sch")


def test_what_is_no_beginning_has_no_end():
    assert Closer(compile_schema({"type": "boolean"})).close(b'"') is None


def test_a_document_without_end_is_given_up(monkeypatch):
    monkeypatch.setattr(closing, "_MAX_BYTES", 1 << 11)
    endless: dict[str, Any] = {
        "type": "array",
        "items": {"type": "string", "minLength": 100},
        "minItems": 200,
    }
    assert Closer(compile_schema(endless)).close(b"") is None
