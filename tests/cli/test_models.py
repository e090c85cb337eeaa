from __future__ import annotations

import json
from pathlib import Path

import pytest

from linvt_cli.backbones.registry import BACKBONES
from linvt_cli.cli.app import run
from linvt_cli.models.store import Store
from tests.models.repos import honest_repo

COMMIT = "0123456789abcdef0123456789abcdef01234567"
QWEN = "Qwen/Qwen2-VL-2B-Instruct"


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


def test_pulled_models_are_listed_with_size_and_last_use(pulled, capsys):
    assert run(["models", "list"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "293.1 KiB" in rows["qwen2-vl-2b"]
    assert rows["hub:me/mine"].endswith("Pulled from the hub")
    assert run(["models", "list", "--pulled"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["NAME", "SIZE", "COMMIT", "PULLED", "LAST", "USE"]
    commit = pulled.heads["me/mine"][:12]
    assert [line.split()[0] for line in lines] == ["qwen2-vl-2b", "hub:me/mine"]
    assert lines[1].split()[1:4] == ["293.1", "KiB", commit]
    assert lines[1].endswith("never")


def test_an_empty_store_is_an_empty_list(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("LINVT_HOME", str(tmp_path))
    assert run(["models", "list", "--json", "--pulled"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_pulled_repository_is_shown_with_its_folder(pulled, capsys):
    assert run(["models", "show", "hub:me/mine"]) == 0
    shown = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert shown["commit"] == pulled.heads["me/mine"]
    assert shown["folder"].endswith(shown["commit"])
    assert run(["models", "show", "hub:me/other"]) == 4
    assert "'hub:me/other' is not pulled" in capsys.readouterr().err


def test_the_list_as_json_says_what_is_pulled(pulled, capsys):
    assert run(["models", "list", "--json"]) == 0
    rows = {row["name"]: row["pulled"] for row in json.loads(capsys.readouterr().out)}
    assert rows["qwen2-vl-7b"] is None
    assert rows["qwen2-vl-2b"]["commit"] == pulled.heads[QWEN]
    assert rows["hub:me/mine"]["revisions"] == ["main"]
    assert run(["models", "list", "--json", "--pulled"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2


@pytest.fixture
def cached(online, tmp_path) -> Path:
    """A model as Hugging Face tools have it in their cache, which linvt asks without a pull."""
    repository = tmp_path / "hub-cache" / f"models--{QWEN.replace('/', '--')}"
    snapshot: Path = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    for name, content in honest_repo().items():
        (snapshot / name).write_bytes(content)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    return snapshot


def test_a_model_in_the_cache_of_hugging_face_tools_is_listed_as_there(cached, capsys):
    assert run(["models", "list"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "293.1 KiB in HF cache  Small and capable" in rows["qwen2-vl-2b"]
    assert run(["models", "list", "--json"]) == 0
    listed = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert listed["qwen2-vl-2b"]["pulled"] is None
    assert listed["qwen2-vl-2b"]["hugging_face_cache"] == str(cached)
    assert listed["qwen2-vl-7b"]["hugging_face_cache"] is None


@pytest.mark.parametrize("name", ["qwen2-vl-2b", f"hub:{QWEN}"])
def test_a_model_in_that_cache_is_shown_with_its_folder(cached, capsys, name):
    assert run(["models", "show", name]) == 0
    shown = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert shown["hugging_face_cache"] == str(cached)


def test_a_whole_model_in_the_store_comes_before_that_cache(cached, capsys):
    assert run(["models", "pull", "qwen2-vl-2b", "--quiet"]) == 0
    (pulled,) = Store().pulled()
    for whole in (True, False):
        capsys.readouterr()
        assert run(["models", "show", "qwen2-vl-2b", "--json"]) == 0
        shown = json.loads(capsys.readouterr().out)
        assert shown["pulled"]["folder"] == str(pulled.folder)
        assert shown["hugging_face_cache"] == (None if whole else str(cached))
        (pulled.folder / "config.json").unlink(missing_ok=True)


def test_of_a_repository_that_the_store_has_in_part_the_cache_is_shown(cached, capsys):
    assert run(["models", "pull", "qwen2-vl-2b", "--quiet"]) == 0
    (pulled,) = Store().pulled()
    (pulled.folder / "config.json").unlink()
    capsys.readouterr()
    assert run(["models", "show", "hub:Qwen/Qwen2-VL-2B-Instruct", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["hugging_face_cache"] == str(cached)
