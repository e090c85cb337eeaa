"""JSON schemas drawn at random, of every kind that structured answers may have."""

from __future__ import annotations

import random
import string
from typing import Any


def random_schema(rng: random.Random, depth: int = 3) -> dict[str, Any]:
    """Return a schema that has short documents, nested at most so deep."""
    flat = [_string, _pattern, _integer, _number, _enum, _constant, _boolean, _nothing]
    nested = [_object, _object, _object, _array, _array, _any_of]
    draw = rng.choice(flat if depth == 0 else [*nested, *flat[: 8 - 2 * depth]])
    return draw(rng, depth)


def _word(rng: random.Random) -> str:
    letters = string.ascii_letters + ' _-äß☃"\\'
    return "".join(rng.choices(letters, k=rng.randint(1, 8)))


def _string(rng: random.Random, depth: int) -> dict[str, Any]:
    shortest = rng.choice([0, 0, 1, 4])
    return {"type": "string", "minLength": shortest, "maxLength": shortest + rng.randint(0, 20)} | (
        {} if rng.random() < 0.5 else {"description": _word(rng)}
    )


def _pattern(rng: random.Random, depth: int) -> dict[str, Any]:
    patterns = ["^[a-z]{2,5}$", "^(yes|no)+$", "^[0-9]+:[0-9]{2}$", "^#[0-9a-f]{6}$", "a.c"]
    return rng.choice(
        [
            {"type": "string", "pattern": rng.choice(patterns)},
            {"type": "string", "format": rng.choice(["date", "time", "uuid", "ipv4"])},
            {"type": "string"},
        ]
    )


def _integer(rng: random.Random, depth: int) -> dict[str, Any]:
    low = rng.randint(-200, 200)
    bounds = {"minimum": low, "maximum": low + rng.randint(0, 300)}
    return {"type": "integer", **rng.choice([{}, bounds, {"minimum": low}])}


def _number(rng: random.Random, depth: int) -> dict[str, Any]:
    low = rng.randint(-20, 20) / 2
    bounds = {"minimum": low, "maximum": low + rng.randint(1, 9)}
    return {"type": "number", **rng.choice([{}, bounds, {"exclusiveMinimum": low}])}


def _enum(rng: random.Random, depth: int) -> dict[str, Any]:
    words = dict.fromkeys(_word(rng) for _ in range(rng.randint(1, 5)))
    others: list[list[Any]] = [[], [None], [7, [1, "a"]], [{"k": 1.5}]]
    return {"enum": [*words, *rng.choice(others)]}


def _constant(rng: random.Random, depth: int) -> dict[str, Any]:
    return {"const": rng.choice([_word(rng), 3, None, True, [1, 2], {"a": _word(rng)}])}


def _boolean(rng: random.Random, depth: int) -> dict[str, Any]:
    return {"type": rng.choice(["boolean", ["boolean", "null"], ["string", "integer"]])}


def _nothing(rng: random.Random, depth: int) -> dict[str, Any]:
    return rng.choice([{"type": "null"}, {}])


def _object(rng: random.Random, depth: int) -> dict[str, Any]:
    names = list(dict.fromkeys(_word(rng) for _ in range(rng.randint(1, 4))))
    return {
        "type": "object",
        "properties": {name: random_schema(rng, depth - 1) for name in names},
        "required": [name for name in names if rng.random() < 0.7],
    } | rng.choice(
        [{}, {"additionalProperties": False}, {"additionalProperties": {"type": "null"}}]
    )


def _array(rng: random.Random, depth: int) -> dict[str, Any]:
    least = rng.choice([0, 0, 1, 2])
    sizes = rng.choice([{}, {"minItems": least, "maxItems": least + rng.randint(0, 3)}])
    return {"type": "array", "items": random_schema(rng, depth - 1), **sizes}


def _any_of(rng: random.Random, depth: int) -> dict[str, Any]:
    return {"anyOf": [random_schema(rng, depth - 1) for _ in range(rng.randint(1, 3))]}
