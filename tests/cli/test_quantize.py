"""Quantized copies on the command line: made, used, listed, verified, removed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from linvt_cli.cli.app import run
from linvt_cli.models.store import Store
from linvt_cli.pipeline import precision
from linvt_cli.pipeline.quantizing import Published
from tests.public_layouts import LAYOUTS
from tests.tiny_internvl2 import write_internvl2

pytest.importorskip("bitsandbytes")
CLIP = str(Path(__file__).parents[2] / "linvt_cli" / "assets" / "demo.mp4")


@pytest.fixture
def model(tmp_path, monkeypatch) -> str:
    """A tiny public image-LLM in a folder, an empty store, and plenty of memory and disk."""
    monkeypatch.setenv("LINVT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(precision, "free_memory", lambda device: 2**40)
    monkeypatch.setattr(Published, "_size", lambda self, quantization: 0)
    folder = tmp_path / "tiny"
    folder.mkdir()
    write_internvl2(folder, "internlm2")
    return str(folder)


def ask(model: str, *options: str) -> list[str]:
    command = ["ask", CLIP, "What moves?", "--model", model, "--frames", "2", "--json"]
    return [*command, "--video-tokens", "4", "--max-new-tokens", "3", *options]


def test_what_was_quantized_ahead_is_used_from_then_on(model, capsys):
    assert run(["quantize", model, "--to", "nf4"]) == 0
    captured = capsys.readouterr()
    folder = Path(captured.out.strip())
    assert (folder / "config.json").is_file()
    assert f"used by: linvt ask --model {model} --quant nf4" in captured.err
    assert run(ask(model, "--quant", "nf4")) == 0
    captured = capsys.readouterr()
    assert "quantizing" not in captured.err
    assert json.loads(captured.out)["model"]["quantization"] == "nf4"


def test_the_first_use_quantizes_and_says_so_and_both_answers_are_the_same(model, capsys):
    texts, notices = [], []
    for _ in range(2):
        assert run(ask(model, "--quant", "int8")) == 0
        captured = capsys.readouterr()
        texts.append(json.loads(captured.out)["answer"])
        notices.append("once, and kept" in captured.err)
    assert texts[0] == texts[1]
    assert notices == [True, False]


def test_nothing_is_kept_where_the_user_wants_nothing_kept(model, capsys):
    assert run(ask(model, "--quant", "nf4", "--no-keep-quantized")) == 0
    assert Store().pulled() == []


def test_a_copy_in_a_folder_of_one_s_own_answers(model, tmp_path, capsys):
    target = tmp_path / "copy"
    assert run(["quantize", model, "--to", "int8", "-o", str(target)]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{target}\n"
    assert f"linvt ask --model {target}" in captured.err
    assert run(ask(str(target))) == 0
    assert json.loads(capsys.readouterr().out)["model"]["quantization"] == "int8"
    assert run(["quantize", model, "-o", str(target)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert run(["quantize", str(target)]) == 2
    assert "quantized already (int8)" in capsys.readouterr().err


def test_what_cannot_be_quantized_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LINVT_HOME", str(tmp_path))
    assert run(["quantize", "nano"]) == 2
    assert "too small to be quantized" in capsys.readouterr().err
    assert run(["quantize", "qwen2-vl-2b", "--offline"]) == 4
    assert "then linvt models pull qwen2-vl-2b" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_told(model, capsys):
    assert run(["quantize", model, "-o", "/proc/copy"]) == 6
    assert "'/proc/copy' cannot be written" in capsys.readouterr().err


def test_copies_are_listed_verified_and_removed(model, capsys):
    assert run(["quantize", model, "--quiet"]) == 0
    folder = Path(capsys.readouterr().out.strip())
    assert run(["models", "list", "--pulled"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("tiny nf4 ")
    assert run(["models", "list"]) == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert last.split()[0] == "tiny"
    assert last.endswith("nf4      Quantized from a folder")
    assert run(["models", "verify", "--quiet"]) == 0
    capsys.readouterr()
    (folder / "config.json").unlink()
    assert run(["models", "verify"]) == 4
    captured = capsys.readouterr()
    assert "tiny nf4: config.json is missing" in captured.out
    assert "hint: linvt models remove --quantized tiny" in captured.err
    assert run(["models", "remove", "--quantized", "tiny"]) == 0
    assert not folder.exists()
    assert run(["quantize", model, "--quiet"]) == 0
    assert run(["models", "remove", model]) == 0
    assert Store().pulled() == []
    assert run(["models", "remove", model]) == 4


@pytest.fixture
def repository(online, tmp_path, monkeypatch) -> str:
    """A tiny public image-LLM on a hub, pulled; plenty of memory and disk."""
    monkeypatch.setattr(precision, "free_memory", lambda device: 2**40)
    monkeypatch.setattr(Published, "_size", lambda self, quantization: 0)
    folder = tmp_path / "published"
    folder.mkdir()
    write_internvl2(folder, "internlm2")
    online.publish("me/tiny", {file.name: file.read_bytes() for file in folder.iterdir()})
    assert run(["models", "pull", "hub:me/tiny", "--quiet"]) == 0
    return "hub:me/tiny"


def test_of_several_copies_without_their_original_the_asked_one_answers_and_is_in_use(
    repository, capsys
):
    for bits in ("int8", "nf4"):
        assert run(["quantize", repository, "--to", bits, "--quiet"]) == 0
    assert run(["models", "remove", "--original", repository]) == 0
    for copied in Store().pulled():
        copied.folder.with_name(f"{copied.folder.name}.used").unlink()
    capsys.readouterr()
    assert run(ask(repository, "--quant", "nf4")) == 0
    model = json.loads(capsys.readouterr().out)["model"]
    assert (model["backbone"], model["quantization"]) == (repository, "nf4")
    used = {copied.manifest.quantization: copied.last_used for copied in Store().pulled()}
    assert used["int8"] is None
    assert used["nf4"] is not None


@pytest.fixture
def only_int8(repository: str, capsys) -> str:
    """The same model, of which nothing but a copy in 8 bits is left."""
    assert run(["quantize", repository, "--to", "int8", "--quiet"]) == 0
    assert run(["models", "remove", "--original", repository]) == 0
    capsys.readouterr()
    return repository


def test_another_copy_is_made_from_the_original_which_is_pulled_again(only_int8, capsys):
    assert run(["quantize", only_int8, "--to", "nf4", "--pull"]) == 0
    assert f"pulling {only_int8}: " in capsys.readouterr().err


@pytest.mark.parametrize("bits", ["int8", "nf4"])
def test_without_the_original_a_copy_cannot_be_made_and_is_not_blamed(only_int8, bits, capsys):
    assert run(["quantize", only_int8, "--to", bits, "--offline"]) == 4
    error = capsys.readouterr().err
    assert f"The files of '{only_int8}' are not on this machine" in error
    assert (
        f"hint: linvt is offline: leave out --offline, then linvt models pull {only_int8}" in error
    )


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_model_is_pulled_quantized_and_asked_without_its_original(
    online, layout, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(precision, "free_memory", lambda device: 2**40)
    monkeypatch.setattr(Published, "_size", lambda self, quantization: 0)
    folder = tmp_path / "published"
    folder.mkdir()
    LAYOUTS[layout].write(folder)
    online.publish("me/tiny", {file.name: file.read_bytes() for file in folder.iterdir()})

    assert run(["models", "pull", "hub:me/tiny", "--quiet"]) == 0
    assert run(ask("hub:me/tiny", "--quant", "nf4")) == 0
    first = capsys.readouterr()
    assert "quantizing 'hub:me/tiny' to nf4: once, and kept" in first.err
    assert run(["models", "remove", "--original", "hub:me/tiny"]) == 0
    capsys.readouterr()
    assert run(ask("hub:me/tiny", "--offline")) == 0
    again = capsys.readouterr()
    assert "quantizing" not in again.err
    document = first.out.partition("\n")[2]
    answers = [json.loads(text) for text in (document, again.out)]
    assert answers[0]["answer"] == answers[1]["answer"]
    assert answers[1]["model"]["quantization"] == "nf4"
