from __future__ import annotations

import json
import random
from typing import Any

import jsonschema
import pytest
import torch

from linvt_cli.backbones.base import Backbone
from linvt_cli.config import GenerationConfig
from linvt_cli.errors import ConfigError, UnfinishedDocumentError
from linvt_cli.generation import closing
from linvt_cli.generation.constrained import parse_document, write_document
from linvt_cli.generation.decode import Completion
from linvt_cli.generation.prompt import assemble
from linvt_cli.generation.schema import compile_schema
from tests.all_backbones import BUILDERS, build
from tests.fakes import TinyBackbone
from tests.generation.random_schemas import random_schema

SCENE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "colour": {"enum": ["red", "green", "blue"]},
        "moves": {"type": "boolean"},
        "things": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["colour", "moves", "things"],
    "additionalProperties": False,
}


def write(
    backbone: Backbone,
    schema: dict[str, Any],
    *,
    question: str = "what?",
    max_new_tokens: int = 200,
    **settings: Any,
) -> Completion:
    generator = torch.Generator().manual_seed(len(question))
    video_KD = torch.randn((4, backbone.embed_dim), generator=generator)
    interrupted = settings.pop("interrupted", None)
    return write_document(
        backbone,
        assemble(backbone, video_KD, question),
        GenerationConfig(max_new_tokens, **settings),
        schema,
        num_visual_tokens=4,
        interrupted=interrupted,
    )


def check(completion: Completion, schema: dict[str, Any]) -> Any:
    jsonschema.validate(json.loads(completion.text), schema)
    value = parse_document(completion.text, schema)
    jsonschema.validate(json.loads(json.dumps(value, allow_nan=False)), schema)
    return value


@pytest.mark.parametrize("seed", range(200))
def test_every_document_of_a_random_schema_parses_and_fits(seed):
    rng = random.Random(seed)  # noqa: S311
    schema = random_schema(rng)
    backbone = build(rng.choice(["fake", "tiny nano"]))
    question = "".join(rng.choices("abc xyz?", k=rng.randint(1, 12)))
    settings: dict[str, Any] = rng.choice([{}, {"temperature": 1.0, "seed": seed}])
    room = rng.choice([30, 60, 120])
    try:
        completion = write(
            backbone, schema, question=question + "?", max_new_tokens=room, **settings
        )
    except UnfinishedDocumentError as error:  # even a short document needs more
        needed = int((error.hint or "").split()[4].rstrip(":"))
        assert room < needed
        completion = write(
            backbone, schema, question=question + "?", max_new_tokens=needed, **settings
        )
        room = needed
    check(completion, schema)
    assert completion.stats.num_generated_tokens <= room


@pytest.mark.parametrize("name", BUILDERS)
def test_every_backbone_writes_json(name):
    completion = write(build(name), SCENE, max_new_tokens=90)
    value = check(completion, SCENE)
    assert list(value) == ["colour", "moves", "things"]


def test_the_model_decides_where_the_schema_leaves_it_open():
    said = '{"colour": "blue", "moves": true, "things": ["a dog"]}'
    completion = write(TinyBackbone(said), SCENE)
    assert (completion.text, completion.finish_reason) == (said, "stop")
    assert completion.stats.num_generated_tokens == len(said)


def test_a_document_ends_where_the_model_stops():
    completion = write(TinyBackbone("12"), {"type": "integer"})
    assert (completion.text, completion.finish_reason) == ("12", "stop")


def test_a_document_that_would_be_cut_off_is_closed():
    said = '{"colour": "blue", "moves": true, "things": ["a dog", "a cat", "a cow"]}'
    completion = write(TinyBackbone(said), SCENE, max_new_tokens=61)
    assert completion.text == '{"colour": "blue", "moves": true, "things": ["a dog", "a c"]}'
    assert completion.finish_reason == "length"
    assert completion.stats.num_generated_tokens == 61


def test_an_interrupted_document_is_closed_too():
    calls = iter([False] * 12 + [True])
    completion = write(TinyBackbone('{"colour": "green"'), SCENE, interrupted=lambda: next(calls))
    assert completion.finish_reason == "interrupted"
    check(completion, SCENE)


def test_where_no_document_fits_the_hint_says_how_many_tokens_one_takes():
    with pytest.raises(UnfinishedDocumentError, match="does not fit into 10 tokens") as caught:
        write(TinyBackbone(), SCENE, max_new_tokens=10)
    assert caught.value.hint is not None
    needed = int(caught.value.hint.split()[4].rstrip(":"))
    check(write(TinyBackbone(), SCENE, max_new_tokens=needed), SCENE)


def test_where_the_context_leaves_no_room_the_hint_is_about_that():
    backbone = TinyBackbone()
    prompt = assemble(backbone, torch.zeros(4, backbone.embed_dim), "what?")
    backbone.max_context = prompt.inputs_embeds.shape[1] + 10
    with pytest.raises(UnfinishedDocumentError, match="does not fit into 10 tokens") as caught:
        write(backbone, SCENE, max_new_tokens=200)
    assert "fewer video tokens" in str(caught.value.hint)
    assert "--max-new-tokens" not in str(caught.value.hint)


def test_a_schema_whose_documents_are_all_huge_is_an_error(monkeypatch):
    monkeypatch.setattr(closing, "_MAX_BYTES", 1 << 11)
    huge = {"type": "array", "items": {"type": "string", "minLength": 100}, "minItems": 200}
    with pytest.raises(UnfinishedDocumentError, match="No document of the schema was found"):
        write(TinyBackbone(), huge, max_new_tokens=5)


def test_a_schema_that_cannot_be_followed_is_an_error():
    with pytest.raises(ConfigError, match="cannot be followed"):
        write(TinyBackbone(), {"type": "array", "uniqueItems": True})


def test_a_seed_reproduces_a_drawn_document_and_another_changes_it():
    def drawn(seed: int) -> str:
        return write(
            TinyBackbone(), {"type": "string"}, temperature=2.0, seed=seed, max_new_tokens=20
        ).text

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e999", 1.7976931348623157e308),
        ("-1e999", -1.7976931348623157e308),
        ("9" * 5000, 1.7976931348623157e308),
        ("[12, 0.5, null]", [12, 0.5, None]),
    ],
    ids=["large", "small", "long", "usual"],
)
def test_values_can_be_written_as_json_again(text, value):
    assert parse_document(text, {}) == value
    json.dumps(parse_document(text, {}), allow_nan=False)


def test_a_document_nested_too_deeply_is_an_error():
    with pytest.raises(UnfinishedDocumentError, match="nested too deeply"):
        parse_document("[" * 100_000 + "]" * 100_000, {})


def test_a_document_that_does_not_fit_after_all_is_an_error():
    with pytest.raises(UnfinishedDocumentError, match="does not fit the schema: 0 is less"):
        parse_document("0", {"exclusiveMinimum": 0})


@pytest.mark.parametrize(("step", "number"), [("0.1", 0.3), ("0.01", 0.29), ("2", 4), ("1e-9", 3)])
def test_multiples_are_told_in_decimals(step, number):
    schema = {"multipleOf": json.loads(step)}
    assert parse_document(json.dumps(number), schema) == number
    assert parse_document('["a", true]', {"items": schema}) == ["a", True]


@pytest.mark.parametrize(("step", "number"), [("0.1", "0.35"), ("2", "3"), ("1e-9", "1e-10")])
def test_what_is_no_multiple_does_not_fit(step, number):
    with pytest.raises(UnfinishedDocumentError, match="is not a multiple of"):
        parse_document(number, {"multipleOf": json.loads(step)})


def test_multiples_of_long_numbers_are_told():
    assert parse_document("9" * 4300, {"multipleOf": 3}) == int("9" * 4300)
    assert parse_document("1e308", {"multipleOf": 5e-324}) == 1e308


def test_a_pattern_that_python_does_not_know_is_left_to_the_grammar():
    assert parse_document('"a"', {"type": "string", "pattern": r"^\p{L}$"}) == "a"


PAIR: dict[str, Any] = {
    "items": [{"type": "integer"}, {"type": "string"}],
    "minItems": 2,
    "maxItems": 2,
}


@pytest.mark.parametrize(
    ("schema", "text", "wrong"),
    [
        (PAIR, '[1, "a"]', '["a", 1]'),
        ({"properties": {"a": PAIR}}, '{"a": [1, "a"]}', '{"a": [1, 2]}'),
        ({"$schema": "https://json-schema.org/draft/2020-12/schema", **PAIR}, '[1, "a"]', "[1, 2]"),
        ({"$schema": "http://json-schema.org/draft-07/schema#", **PAIR}, '[1, "a"]', "[1, 2]"),
        ({"items": [{}], "additionalItems": {"type": "integer"}}, '["a", 1]', '["a", "b"]'),
        ({"items": [PAIR, {"$ref": "#/items/0/items/1"}]}, '[[1, "a"], "b"]', '[[1, "a"], 2]'),
        ({"$ref": "#a", "$defs": {"b": PAIR, "c": {"$anchor": "a", **PAIR}}}, '[1, "a"]', "[1]"),
        ({"$ref": "#/x/y", "x": {"y": PAIR}}, '[1, "a"]', '["a", 1]'),
    ],
    ids=str,
)
def test_the_old_form_of_tuples_is_checked_as_the_grammar_has_it(schema, text, wrong):
    assert compile_schema(schema)
    assert parse_document(text, schema) == json.loads(text)
    with pytest.raises(UnfinishedDocumentError, match="does not fit the schema"):
        parse_document(wrong, schema)


def test_a_declared_dialect_does_not_change_how_multiples_are_told():
    latest = "https://json-schema.org/draft/2020-12/schema"
    schema: dict[str, Any] = {"$schema": latest, "multipleOf": 0.1, "items": {"$ref": "#"}}
    assert parse_document("[[0.3]]", schema) == [[0.3]]


def test_a_tuple_is_written_to_its_end():
    completion = write(TinyBackbone('[12, "a"]'), {"type": "array", **PAIR})
    assert parse_document(completion.text, PAIR) == [12, "a"]
