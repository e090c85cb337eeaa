from __future__ import annotations

import pytest

from linvt_cli.errors import ConfigError
from linvt_cli.generation.schema import compile_schema


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
