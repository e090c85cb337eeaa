"""nano on the device: the command line, token files, and the same bytes twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import linvt_cli
from linvt_cli.cli.app import run
from linvt_cli.pipeline import VideoQA

ASSETS = Path(linvt_cli.__file__).parent / "assets"
DEMO = str(ASSETS / "demo.mp4")
GOLDEN = json.loads((ASSETS / "demo.json").read_text(encoding="utf-8"))


@pytest.fixture
def on_device(device):
    return ["--device", device.type, "--model", "nano", "--quiet"]


def test_the_shipped_clip_is_told_as_on_the_cpu(on_device, capsys):
    for _ in range(2):
        assert run(["ask", DEMO, GOLDEN["question"], *on_device]) == 0
        assert capsys.readouterr().out == GOLDEN["answer"] + "\n"


@pytest.mark.parametrize("tokenizer", ["linvt", "cluster", "mean", "all"])
def test_every_tokenizer_answers(tokenizer, on_device, capsys):
    asked = ["ask", DEMO, "-q", "What happens?", "-q", "Is there a dog?", "--jsonl"]
    assert run([*asked, "--tokenizer", tokenizer, "--no-token-cache", *on_device]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["error"] for row in rows] == [None, None]
    assert all(row["answer"] for row in rows)


def test_choices_schemas_and_descriptions(on_device, tmp_path, capsys):
    assert run(["ask", DEMO, "Is there a carrot?", "--yes-no", "--json", *on_device]) == 0
    assert json.loads(capsys.readouterr().out)["answer"] == "Yes"
    schema = tmp_path / "schema.json"
    properties = {"n": {"type": "integer"}}
    wanted = {"type": "object", "properties": properties, "required": ["n"]}
    schema.write_text(json.dumps(wanted), encoding="utf-8")
    assert run(["ask", DEMO, "How many?", "--schema", str(schema), "--json", *on_device]) == 0
    assert isinstance(json.loads(capsys.readouterr().out)["structured"]["n"], int)
    assert run(["describe", DEMO, "--json", *on_device]) == 0
    assert "carrot" in json.loads(capsys.readouterr().out)["answer"]


def test_token_files_go_from_one_device_to_the_other(on_device, tmp_path, capsys):
    answers = []
    for number, maker, reader in ((0, "cpu", on_device[1]), (1, on_device[1], "cpu")):
        file = str(tmp_path / f"{number}.linvt")
        assert run(["tokens", "make", DEMO, "-o", file, "--device", maker, "--quiet"]) == 0
        capsys.readouterr()
        assert run(["ask", file, GOLDEN["question"], "--device", reader, "--quiet"]) == 0
        answers.append(capsys.readouterr().out.strip())
    assert answers == [GOLDEN["answer"]] * 2


def test_weights_on_the_device_are_exact(device):
    qa = VideoQA.load("nano", device=device.type)
    watched = qa.watch(DEMO)
    answer = qa.ask(watched, "What happens?")
    assert answer.video_tokens is not None
    weights = answer.video_tokens.weights.matrix.to_dense()
    torch.testing.assert_close(weights.sum(1), torch.ones_like(weights[:, 0]), atol=1e-5, rtol=0)
    assert (weights >= 0).all()


@pytest.mark.timeout(300)
def test_doctor_finds_the_device_well(device, capsys):
    code = run(["doctor", "--json", "--offline", "--device", device.type])
    report = json.loads(capsys.readouterr().out)
    unwell = {
        check["name"]: check
        for check in report["checks"]
        if check["status"] not in ("ok", "skipped")
    }
    assert {"gpu", "bitsandbytes", "torch", "nano"}.isdisjoint(unwell), unwell
    assert code == 0 or unwell
