from __future__ import annotations

import json
from pathlib import Path

import pytest

from linvt_cli.cli.app import run
from linvt_cli.cli.shape import asked_shape, read_schema, split_choices
from linvt_cli.config import ANY_SHAPE
from linvt_cli.errors import ConfigError
from tests.cli.schema import validate

SCENE = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


@pytest.fixture
def schema(tmp_path: Path) -> str:
    file = tmp_path / "scene.json"
    file.write_text(json.dumps(SCENE), encoding="utf-8")
    return str(file)


@pytest.mark.parametrize(
    ("texts", "choices"),
    [
        (["red,green, blue"], ("red", "green", "blue")),
        (["left, then right", "right, then left"], ("left, then right", "right, then left")),
        (['["a, b", "c"]'], ("a, b", "c")),
        (["[a]", "[b]"], ("[a]", "[b]")),
        (["red,,blue"], ("red", "", "blue")),
        ([], ()),
    ],
    ids=str,
)
def test_choices_stand_between_commas_in_a_list_or_one_by_one(texts, choices):
    assert split_choices(texts) == choices


def test_choices_that_are_no_unicode_are_escaped():
    assert asked_shape(["a\udcff", "b"], False, None, None).choices == (r"a\xff", "b")
    assert asked_shape([r'["\ud800", "b"]'], False, None, None).choices == (r"\ud800", "b")


@pytest.mark.parametrize("text", ["[red, blue]", "[1, 2]", '["a"', "[]x"])
def test_what_looks_like_a_list_and_is_none_is_refused(text):
    with pytest.raises(ConfigError, match="no JSON list of texts"):
        split_choices([text])


def test_nothing_asked_for_is_any_shape():
    assert asked_shape(None, False, None, None, temperature=0.5) == ANY_SHAPE


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--choices", "a,b", "--yes-no"], "--choices and --yes-no exclude each other"),
        (["--choices", "a,b", "--schema", "x.json"], "--choices and --schema exclude each other"),
        (["--yes-no", "--schema", "x.json"], "--yes-no and --schema exclude each other"),
        (["--yes-no", "--temperature", "0.5"], "--yes-no and --temperature exclude each other"),
        (["--choices", "a,b", "--temperature", "1"], "--choices and --temperature exclude each"),
        (["--choices", "a"], "At least two choices are needed"),
        (["--choices", "a,,b"], "A choice is empty"),
        (["--choices", "red,Red"], "The choice 'Red' is given twice"),
        (["--abstain-below", "0.5"], "Without choices there is nothing to abstain from"),
        (["--abstain-below", "1.5", "--yes-no"], "Invalid value for '--abstain-below'"),
        (["--schema", "missing.json"], "The schema 'missing.json' cannot be read"),
    ],
    ids=str,
)
def test_options_that_make_no_sense_are_a_usage_error(loads, video, capsys, options, message):
    assert run(["ask", str(video), "What?", "--json", *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert loads == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is no JSON: Expecting property name"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "is no JSON object"),
        ('{"type": "strng"}', "cannot be followed: Invalid type: strng"),
        ('{"type": "array", "uniqueItems": true}', "cannot be followed: Unimplemented keys"),
        ('{"$schema": ["x"]}', "cannot be followed: $['$schema']: ['x'] is not of type 'string'"),
    ],
    ids=["broken", "deep", "list", "wrong", "unknown", "odd"],
)
def test_a_bad_schema_is_a_usage_error(loads, video, tmp_path, capsys, content, message):
    file = tmp_path / "schema.json"
    file.write_text(content, encoding="utf-8")
    assert run(["ask", str(video), "What?", "--schema", str(file)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("error: ") == 1
    assert loads == []


def test_a_folder_is_no_schema(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_schema(str(tmp_path))


def test_the_chosen_text_goes_to_stdout(loads, qa, video, capsys):
    choices = ["--choices", "A red wall.,A grey wall."]
    assert run(["ask", str(video), "What is there?", "--model", "nano", *choices]) == 0
    assert capsys.readouterr() == ("A grey wall.\n", "")


def test_a_record_has_the_probability_of_every_choice(loads, video, capsys):
    arguments = ["ask", str(video), "Which?", "--json", "--choices", "red", "--choices", "a, b"]
    assert run(arguments) == 0
    record = json.loads(capsys.readouterr().out)
    validate(record)
    assert [choice["text"] for choice in record["choices"]] == ["red", "a, b"]
    assert sum(choice["probability"] for choice in record["choices"]) == pytest.approx(1, abs=1e-5)
    assert record["structured"] is None


def test_yes_and_no_are_choices(loads, video, capsys):
    assert run(["ask", str(video), "Is it?", "--yes-no", "--jsonl"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [choice["text"] for choice in record["choices"]] == ["Yes", "No"]
    assert record["answer"] in {"Yes", "No"}


def test_who_abstains_answers_nothing_and_has_not_failed(loads, qa, video, capsys):
    qa.backbone = type(qa.backbone)()  # has no script, so it is sure of nothing
    arguments = ["ask", str(video), "Is it?", "-q", "Was it?", "--yes-no", "--abstain-below", "1"]
    assert run([*arguments, "--quiet"]) == 0
    assert capsys.readouterr().out == "\n\n"
    assert run([*arguments, "--json"]) == 0
    for record in json.loads(capsys.readouterr().out):
        validate(record)
        assert (record["answer"], record["finish_reason"]) == (None, "abstained")
        assert len(record["choices"]) == 2


def test_a_document_is_text_on_stdout_and_a_value_in_a_record(loads, qa, video, schema, capsys):
    qa.backbone = type(qa.backbone)('{"n": 12}')
    arguments = ["ask", str(video), "How many?", "--schema", schema]
    assert run([*arguments, "--quiet"]) == 0
    assert capsys.readouterr().out == '{"n": 12}\n'
    assert run([*arguments, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    validate(record)
    assert record["answer"] == '{"n": 12}'
    assert record["structured"] == {"n": 12}


def test_a_document_that_cannot_be_finished_is_an_error_record(loads, video, schema, capsys):
    arguments = ["ask", str(video), "How many?", "--schema", schema, "--max-new-tokens", "3"]
    assert run([*arguments, "--json"]) == 6
    record = json.loads(capsys.readouterr().out)
    validate(record)
    assert record["error"]["type"] == "UnfinishedDocumentError"
    assert "--max-new-tokens" in record["error"]["hint"]
