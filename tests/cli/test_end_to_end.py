"""The real command on the shipped weights and the shipped clip."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import linvt_cli
from tests.cli.processes import REAL, run_linvt, run_warm
from tests.cli.schema import validate

DEMO = Path(linvt_cli.__file__).parent / "assets" / "demo.mp4"


def test_the_shipped_clip_is_answered_twice_with_the_same_bytes():
    asked = ("ask", DEMO, "What happens?", "--quiet")
    runs = [run(*asked, command=REAL) for run in (run_linvt, run_warm)]
    assert runs[0] == runs[1]
    assert (runs[0].code, runs[0].stderr) == (0, b"")
    assert runs[0].stdout.strip()


def test_json_of_the_real_model_fits_the_schema():
    done = run_warm("ask", DEMO, "What happens?", "--json", command=REAL)
    row = json.loads(done.stdout)
    validate(row)
    assert (done.code, row["model"]["backbone"], row["model"]["tokenizer"]) == (0, "nano", "linvt")
    assert row["frames"]["coverage"] == 1.0


@pytest.mark.parametrize("tokenizer", ["cluster", "mean", "all"])
def test_tokenizers_without_weights_answer_too(tokenizer):
    arguments = ("ask", DEMO, "What happens?", "--tokenizer", tokenizer, "--json")
    done = run_warm(*arguments, command=REAL)
    row = json.loads(done.stdout)
    validate(row)
    assert (row["model"]["tokenizer"], row["model"]["checkpoint"]) == (tokenizer, None)
