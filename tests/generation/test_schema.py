from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from linvt_cli.errors import ConfigError
from linvt_cli.generation.schema import compile_schema, in_dialect

LATEST = "https://json-schema.org/draft/2020-12/schema"
OLD = "http://json-schema.org/draft-07/schema#"


def test_a_schema_becomes_a_grammar():
    assert "colour" in compile_schema({"properties": {"colour": {"enum": ["red"]}}})


@pytest.mark.parametrize(
    "schema",
    [
        {"minProperties": 1},
        {"type": "object", "minProperties": 2, "required": ["a", "b"]},
        {"type": "object", "properties": {"minProperties": {"const": 5}}},
    ],
    ids=str,
)
def test_a_least_number_of_properties_is_followed_where_names_are_required(schema):
    assert compile_schema(schema)


@pytest.mark.parametrize(
    ("schema", "cause"),
    [
        ({"type": "strng"}, "Invalid type: strng"),
        ({"type": "array", "uniqueItems": True}, 'Unimplemented keys: ["uniqueItems"]'),
        ({"$ref": "https://example.com/schema"}, "not present in a registry"),
        ({"type": "integer", "minimum": 5, "maximum": 3}, "Unsatisfiable schema"),
        ({"type": "string", "pattern": "(?<=a)b"}, "look-around"),
        ({"minProperties": 2}, "minProperties is 2, and only 0"),
        (
            {"anyOf": [{"items": {"properties": {"a": {"minProperties": 2}}}}]},
            "minProperties is 2, and only 0",
        ),
        ({"const": float("nan")}, "not JSON compliant"),
        ({"const": {1, 2}}, "not JSON serializable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_followed_is_refused_with_its_cause(schema, cause):
    with pytest.raises(ConfigError) as caught:
        compile_schema(schema)
    assert cause in caught.value.message
    assert caught.value.message.startswith("The JSON schema cannot be followed: ")
    assert "\n" not in caught.value.message
    assert caught.value.field == "schema"
    assert caught.value.hint is not None


PAIR: dict[str, Any] = {
    "type": "array",
    "items": [{"type": "integer"}, {"type": "string"}],
    "additionalItems": False,
}


@pytest.mark.parametrize(
    ("odd", "place"),
    [
        ({"$id": 5}, "$['$id']: 5 is not"),
        ({"$schema": 5}, "$['$schema']: 5 is not"),
        ({"$schema": ["x"]}, "$['$schema']: ['x'] is not"),
        ({"properties": {"a": {"$id": 5}}}, "$.properties.a['$id']: 5 is not"),
        ({"items": [{"$schema": 5}]}, "$.prefixItems[0]['$schema']: 5 is not"),
        ({"$schema": OLD, "items": [{"$id": 5}]}, "$.items[0]['$id']: 5 is not"),
        ({"$defs": 5}, "$['$defs']: 5 is not of type 'object'"),
    ],
    ids=str,
)
def test_what_only_the_later_check_would_stumble_on_is_refused(odd, place):
    with pytest.raises(ConfigError) as caught:
        compile_schema(odd)
    assert place in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "schema",
    [
        {"title": None, "description": 5, "default": [1], "examples": None},
        {"properties": {"title": {"const": {"$id": 5, "items": [1]}}, "$id": {}}},
        {"properties": {"a": {"$id": "#/properties/a", "required": ["a", "a"]}}},
        {"$schema": OLD, "minimum": 5, "type": "integer"},
    ],
    ids=str,
)
def test_what_does_no_harm_is_not_refused(schema):
    assert compile_schema(schema)


def test_a_deep_schema_is_followed():
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(100):
        schema = {"type": "array", "items": schema}
    assert compile_schema(schema)


def test_lists_of_items_become_those_of_the_latest_dialect():
    _, form = in_dialect({"$schema": LATEST, "properties": {"items": PAIR}, "const": PAIR})
    assert form == {
        "properties": {
            "items": {
                "type": "array",
                "prefixItems": PAIR["items"],
                "items": False,
                "additionalItems": False,
            }
        },
        "const": PAIR,
    }


def test_a_schema_of_an_older_dialect_keeps_its_lists_of_items():
    dialect, form = in_dialect({"$schema": OLD, **PAIR})
    assert (dialect, form) == (jsonschema.Draft7Validator, PAIR)
