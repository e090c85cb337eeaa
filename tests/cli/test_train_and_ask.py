"""From clips with answers to an answer: what one command trains, the other asks."""

from __future__ import annotations

import json

import pytest

from linvt_cli.cli.app import run
from linvt_cli.pipeline import precision
from tests.public_layouts import LAYOUTS
from tests.training.tuning.small import WORDS, write_data


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_linvt_that_was_trained_here_tells_two_clips_apart(tmp_path, monkeypatch, capsys):
    # The checkpoint is tiny, whatever the catalogue says of the real one.
    monkeypatch.setattr(precision, "free_memory", lambda device: 2**40)
    model = tmp_path / "model"
    LAYOUTS["internvl2 with qwen2"].write(model)
    data = write_data(tmp_path, 2)
    using = ["--model", str(model), "--device", "cpu", "--frames", "4"]
    learning = "--steps 30 --batch-size 2 --learning-rate 0.01 --lora-rank 8 --cache-features"
    shape = "--queries 4,2 --scales 1,2 --kept 16 --decode-workers 0 --quiet"
    trained = tmp_path / "run"
    command = ["train", str(data), *using, "-o", str(trained), *learning.split(), *shape.split()]
    assert run(command) == 0
    assert capsys.readouterr() == (f"{trained}/linvt\n", "")
    for index in range(2):
        asked = ["ask", str(tmp_path / f"{index}.mp4"), "What is it?", "--json"]
        assert run([*asked, *using, "--checkpoint", f"{trained}/linvt"]) == 0
        row = json.loads(capsys.readouterr().out)
        assert row["answer"] == WORDS[index]
        assert row["model"]["tokenizer"] == "linvt"
        assert row["model"]["checkpoint"] == f"{trained}/linvt"
