"""Public image-LLMs on the command line, as tiny checkpoints in their original layout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from linvt_cli.backbones.registry import find_backbone
from linvt_cli.cli.app import run
from linvt_cli.cli.completion import complete_model
from linvt_cli.models.version import version_of
from linvt_cli.pipeline import precision
from tests.public_layouts import LAYOUTS
from tests.tiny_internvl2 import write_internvl2
from tests.tiny_qwen2_vl import write_qwen

CLIP = str(Path(__file__).parents[2] / "linvt_cli" / "assets" / "demo.mp4")


@pytest.fixture(autouse=True)
def _plenty_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkpoints are tiny, whatever the catalogue says of the real ones."""
    monkeypatch.setattr(precision, "free_memory", lambda device: 2**40)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_question_about_a_real_video_is_answered(layout, tmp_path, capsys):
    layout.write(tmp_path)
    command = ["ask", CLIP, "What moves?", "-q", "Where?", "--frames", "3", "--json"]
    options = ["--model", layout.model, "--weights", str(tmp_path), "--max-new-tokens", "5"]
    assert run([*command, *options, "--video-tokens", "8"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert first["model"] == {
        "backbone": layout.model,
        "tokenizer": "cluster",
        "checkpoint": None,
        "quantization": "none",
        "revision": version_of(tmp_path),
    }
    assert first["frames"]["count"] == 3
    assert first["tokens"]["video"] == 8
    assert first["tokens"]["generated"] <= 5
    assert second["question"] == "Where?"


@pytest.mark.parametrize("quant", ["int8", "nf4"])
def test_a_quantized_model_answers(quant, tmp_path, capsys):
    write_qwen(tmp_path)
    command = ["ask", CLIP, "What moves?", "--json", "--model", "qwen2-vl-2b", "--quant", quant]
    assert run([*command, "--weights", str(tmp_path), "--max-new-tokens", "3"]) == 0
    assert json.loads(capsys.readouterr().out)["model"]["quantization"] == quant


def test_without_files_the_error_says_how_to_get_them(tmp_path, monkeypatch, capsys):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert run(["ask", CLIP, "What?", "--model", "qwen2-vl-2b", "--quant", "none"]) == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "'qwen2-vl-2b' are not on this machine" in captured.err
    assert "hint: " in captured.err


def test_a_folder_with_another_model_is_refused(tmp_path, capsys):
    write_internvl2(tmp_path, "qwen2")
    assert run(["ask", CLIP, "What?", "--model", "qwen2-vl-2b", "--weights", str(tmp_path)]) == 4
    assert "holds a model of type 'internvl_chat'" in capsys.readouterr().err


def test_a_folder_without_one_of_its_files_of_weights_is_refused(tmp_path, capsys):
    write_qwen(tmp_path)
    (tmp_path / "model-00001-of-00002.safetensors").unlink()
    assert run(["ask", CLIP, "What?", "--model", "qwen2-vl-2b", "--weights", str(tmp_path)]) == 4
    captured = capsys.readouterr().err
    assert "lacks 1 of 2 files of weights: model-00001-of-00002.safetensors" in captured
    assert "hint: the folder must hold a complete copy" in captured


def test_files_that_are_quantized_already_cannot_be_had_otherwise(tmp_path, capsys):
    write_qwen(tmp_path)
    raw = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    settings = {"quant_method": "bitsandbytes", "load_in_8bit": True}
    (tmp_path / "config.json").write_text(json.dumps({**raw, "quantization_config": settings}))
    command = ["ask", CLIP, "What?", "--model", "qwen2-vl-2b", "--weights", str(tmp_path)]
    assert run([*command, "--quant", "nf4"]) == 2
    assert "quantized already (int8)" in capsys.readouterr().err


def test_a_model_of_the_user_s_own_catalogue_answers_by_its_name(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LINVT_HOME", str(tmp_path))
    write_qwen(tmp_path / "tiny")
    (tmp_path / "models.toml").write_text("[mine]\nfrom = './tiny'\nsummary = 'My own'\n")
    command = ["ask", CLIP, "What?", "--json", "--model", "mine", "--frames", "2"]
    assert run([*command, "--max-new-tokens", "2", "--quant", "none"]) == 0
    assert json.loads(capsys.readouterr().out)["model"]["backbone"] == "mine"
    assert run(["models", "list"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert rows["mine"].endswith("My own")
    assert run(["models", "show", "mine"]) == 0
    assert f"source: {tmp_path}/tiny" in capsys.readouterr().out
    assert complete_model("mi")[0] == ("mine", "My own")
    assert run(["models", "pull", "mine"]) == 2
    assert "'mine' is a folder" in capsys.readouterr().err


def test_a_wrong_catalogue_stops_no_completion(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LINVT_HOME", str(tmp_path))
    (tmp_path / "models.toml").write_text("[mine")
    assert complete_model("nan") == [("nano", find_backbone("nano").summary)]
    assert run(["models", "list"]) == 2
    assert "hint: mend it with a text editor" in capsys.readouterr().err
