"""Models that a command needs are pulled on the way, from a hub on this machine."""

from __future__ import annotations

import json

import pytest

from linvt_cli.cli import pulling
from linvt_cli.cli.app import run
from linvt_cli.cli.output import Output
from linvt_cli.cli.pulling import PullReport, name_of, source_of
from linvt_cli.errors import ConfigError, UnknownBackboneError
from linvt_cli.models.manifest import Manifest
from linvt_cli.models.pull import PullPlan
from linvt_cli.models.source import HubSource
from linvt_cli.pipeline import precision
from tests.cli.test_public_models import CLIP
from tests.tiny_qwen2_vl import write_qwen

QWEN = "Qwen/Qwen2-VL-2B-Instruct"
ASK = ["ask", CLIP, "What moves?", "--frames", "2", "--max-new-tokens", "3", "--json"]


@pytest.fixture
def tiny(online, tmp_path, monkeypatch):
    """The hub with a tiny Qwen2-VL in both repositories."""
    monkeypatch.setattr(precision, "free_memory", lambda device: 2**40)
    written = tmp_path / "written"
    written.mkdir()
    write_qwen(written)
    files = {path.name: path.read_bytes() for path in written.iterdir()}
    online.publish(QWEN, files)
    online.publish("me/mine", files)
    return online


def test_a_missing_model_is_pulled_where_that_is_allowed(tiny, capsys):
    assert run([*ASK, "--model", "qwen2-vl-2b", "--pull", "--tokenizer", "mean"]) == 0
    captured = capsys.readouterr()
    model = json.loads(captured.out)["model"]
    assert (model["backbone"], model["revision"]) == ("qwen2-vl-2b", tiny.heads[QWEN])
    assert captured.err.startswith("pulling qwen2-vl-2b: ")
    tiny.requests.clear()
    assert run([*ASK, "--model", "qwen2-vl-2b", "--tokenizer", "mean"]) == 0
    assert tiny.requests == []


def test_without_a_terminal_nothing_large_is_fetched_unasked(tiny, capsys):
    assert run([*ASK, "--model", "qwen2-vl-2b"]) == 4
    error = json.loads(capsys.readouterr().out)["error"]
    assert "'qwen2-vl-2b' are not on this machine" in error["message"]
    assert error["hint"].startswith("linvt models pull qwen2-vl-2b")
    assert tiny.requests == []


def test_on_a_terminal_the_size_is_said_and_the_model_pulled(tiny, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    assert run([*ASK, "--model", "qwen2-vl-2b", "--tokenizer", "mean"]) == 0
    assert "KiB, from http://127.0.0.1" in capsys.readouterr().err


def test_offline_a_missing_model_is_an_error_and_nothing_is_asked_for(tiny, capsys, monkeypatch):
    monkeypatch.setenv("LINVT_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert run([*ASK, "--model", "qwen2-vl-2b", "--pull"]) == 4
    error = json.loads(capsys.readouterr().out)["error"]
    assert "not on this machine" in error["message"]
    assert error["hint"].startswith(
        "linvt is offline: unset LINVT_OFFLINE and HF_HUB_OFFLINE, then linvt models pull qwen2"
    )
    assert tiny.requests == []


def test_a_repository_of_the_user_answers_by_its_name(tiny, capsys):
    options = ["--model", "hub:me/mine", "--pull", "--tokenizer", "mean"]
    assert run([*ASK, *options]) == 0
    assert json.loads(capsys.readouterr().out)["model"]["backbone"] == "hub:me/mine"


def test_a_folder_of_the_user_answers_by_its_name(tiny, capsys, tmp_path):
    folder = str(tmp_path / "written")
    assert run([*ASK, "--model", folder, "--tokenizer", "mean"]) == 0
    assert json.loads(capsys.readouterr().out)["model"]["backbone"] == folder
    assert tiny.requests == []


def test_names_stand_for_repositories():
    assert source_of("qwen2-vl-2b") == HubSource(QWEN)
    assert source_of("hub:a/b@v1") == HubSource("a/b", "v1")
    with pytest.raises(ConfigError, match="comes with linvt"):
        source_of("nano")
    with pytest.raises(UnknownBackboneError):
        source_of("qwen2-vl-3b")


@pytest.mark.parametrize(
    ("name", "likely"),
    [
        (QWEN, "did you mean qwen2-vl-2b?"),
        ("me/mine@v1", "did you mean hub:me/mine@v1?"),
        ("./mine", "linvt models list names what can be pulled"),
    ],
)
def test_a_repository_without_its_prefix_is_called_no_folder(tmp_path, monkeypatch, name, likely):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=f"'{name}' is no folder and no name") as caught:
        source_of(name)
    assert caught.value.hint == likely
    (tmp_path / name).mkdir(parents=True)
    with pytest.raises(ConfigError, match=f"'{name}' is a folder: there is nothing to pull"):
        source_of(name)


@pytest.mark.parametrize(
    ("repo", "revisions", "name"),
    [
        (QWEN, ("main",), "qwen2-vl-2b"),
        (QWEN, (), f"hub:{QWEN}@{'0' * 40}"),
        ("a/b", ("main",), "hub:a/b"),
        ("a/b", ("v1",), "hub:a/b@v1"),
    ],
)
def test_pulled_models_have_the_names_that_users_gave(repo, revisions, name):
    assert name_of(Manifest(repo, "0" * 40, revisions, "", "", ())) == name


def test_the_report_says_what_is_waited_for_and_why_something_is_tried_again(capsys):
    plan = PullPlan(HubSource("a/b"), "0" * 40, "https://hub", 3, 4 << 30, 1 << 30, 9 << 30)
    with PullReport(Output(), "hub:a/b") as report:
        report.waiting()
        report.planned(plan)
        report.advanced(5)
        report.retrying("The connection broke", 2.0)
    assert capsys.readouterr().err.splitlines() == [
        "another linvt is pulling hub:a/b: waiting for it",
        "pulling hub:a/b: 3.0 GiB of 4.0 GiB, the rest is here, from https://hub at 000000000000;"
        " 9.0 GiB free on the disk",
        "The connection broke; trying again in 2 s",
    ]


def test_a_model_that_comes_with_linvt_is_never_pulled(monkeypatch):
    monkeypatch.setattr(pulling, "pull_model", lambda *_, **__: pytest.fail("it was pulled"))
    pulling.pull_if_needed("nano", Output(), allowed=True)
