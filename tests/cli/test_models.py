from __future__ import annotations

import json

import pytest

from linvt_cli.backbones.registry import BACKBONES
from linvt_cli.cli.app import run
from linvt_cli.cli.models import size


def test_the_list_has_a_line_for_each_model(capsys):
    assert run(["models", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["NAME", *(spec.name for spec in BACKBONES)]
    at = lines[0].index("LICENSE")
    assert all(line[at - 1] == " " and line[at] != " " for line in lines)


def test_the_list_as_json_is_a_list_of_all_models(capsys):
    assert run(["models", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == [spec.name for spec in BACKBONES]


def test_one_model_is_shown_with_licence_and_size(capsys):
    assert run(["models", "show", "nano"]) == 0
    shown = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert shown["license"] == "Apache-2.0"
    assert int(shown["parameters"]) > 0


def test_a_public_model_is_shown_with_repository_and_memory(capsys):
    assert run(["models", "show", "qwen2-vl-7b"]) == 0
    shown = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert shown["repo"] == "Qwen/Qwen2-VL-7B-Instruct"
    assert shown["memory_gib"] == "none 15.4, int8 9.4, nf4 6.4"
    assert shown["revision"] == "-"


def test_one_model_as_json_is_an_object(capsys):
    assert run(["models", "show", "nano", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shipped"] is True


def test_an_unknown_model_gets_a_suggestion_and_the_code_for_models(capsys):
    assert run(["models", "show", "nan"]) == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    known = ", ".join(spec.name for spec in BACKBONES)
    assert captured.err == (
        f"error: Unknown backbone 'nan'. Available: {known}\nhint: did you mean nano?\n"
    )


@pytest.mark.parametrize(
    ("parameters", "text"), [(5_400_000, "5.4M"), (999_900_000, "999.9M"), (7_620_000_000, "7.6B")]
)
def test_sizes_are_said_in_millions_and_billions(parameters, text):
    assert size(parameters) == text
