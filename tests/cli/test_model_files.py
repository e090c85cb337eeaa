from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from linvt_cli.cli.app import run
from linvt_cli.models import pull
from linvt_cli.models.copies import Original, local_repo, make_copy
from linvt_cli.models.patience import Patience
from linvt_cli.models.store import Shelf, Store
from tests.cli.processes import REAL, ROOT, run_linvt
from tests.models.hub_server import Fault

QWEN = "Qwen/Qwen2-VL-2B-Instruct"


def folder_of(name: str, capsys: pytest.CaptureFixture[str]) -> Path:
    assert run(["models", "path", name]) == 0
    return Path(capsys.readouterr().out.rstrip("\n"))


def test_a_pull_prints_the_folder_and_says_the_size(online, capsys):
    assert run(["models", "pull", "qwen2-vl-2b"]) == 0
    captured = capsys.readouterr()
    folder = Path(captured.out.rstrip("\n"))
    assert (folder / "model.safetensors").is_file()
    assert folder == folder_of("qwen2-vl-2b", capsys)
    commit = online.heads[QWEN][:12]
    assert f"pulling qwen2-vl-2b: 293.1 KiB, from {online.endpoint} at {commit}; " in captured.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["pull", "qwen2-vl-2b", "nano"], 2, "'nano' comes with linvt"),
        (["pull", "qwen"], 4, "Unknown backbone 'qwen'"),
        (["pull", "hub:no"], 2, "'no' is no name of a repository"),
        (["pull", "hub:owner/none"], 5, "does not have 'owner/none' at this revision (404)"),
        (["path", "hub:me/mine"], 4, "'hub:me/mine' is not pulled"),
        (["verify", "qwen2-vl-2b"], 4, "'qwen2-vl-2b' is not pulled"),
        (["remove", "qwen2-vl-2b"], 4, "There is nothing of 'qwen2-vl-2b' to remove"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_its_code(online, capsys, arguments, code, message):
    assert run(["models", *arguments]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert message in captured.err
    assert Store().pulled() == []


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (401, 5, "refuses"),
        (403, 5, "refuses"),
        (404, 5, "does not have"),
        (418, 5, "does not give"),
    ],
)
def test_a_refusal_of_the_hub_ends_with_the_code_for_networks(
    online, capsys, status, code, message
):
    online.choose_fault = lambda path: Fault("status", status)
    assert run(["models", "pull", "hub:me/mine"]) == code
    first, second = capsys.readouterr().err.splitlines()
    assert message in first
    assert f"({status})" in first
    assert second.startswith("hint: ")


@pytest.mark.parametrize(
    ("fault", "message", "hint"),
    [
        (Fault("status", 401), "refuses 'model.safetensors' of 'me/mine' (401)", "hf auth login"),
        (Fault("status", 403), "refuses 'model.safetensors' of 'me/mine' (403)", "HF_TOKEN"),
        (Fault("status", 404), "does not have 'model.safetensors' of 'me/mine' at", "@revision"),
        (Fault("status", 429), "is busy or out of order (429)", "goes on where it stopped"),
        (Fault("status", 503), "is busy or out of order (503)", "goes on where it stopped"),
        (Fault("drop", after=1000), "The connection", "goes on where it stopped"),
        (Fault("stall", after=1000), "sent nothing of 'model.safetensors'", "where it stopped"),
        (Fault("flip"), "its checksum differs", "do not use this repository"),
        (Fault("longer"), "bytes, and the server has", "may just be changing"),
        (Fault("shorter"), "bytes, and the server has", "may just be changing"),
        (Fault("loop"), "in a circle", "is HF_ENDPOINT right?"),
    ],
    ids=lambda value: f"{value.kind}{value.status or ''}" if isinstance(value, Fault) else "",
)
def test_each_failure_of_a_file_has_its_own_words_and_leaves_no_file(
    online, capsys, monkeypatch, fault, message, hint
):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)
    monkeypatch.setattr(pull, "Patience", partial(Patience, attempts=2, first_wait=0.001))
    online.choose_fault = lambda path: fault if path.endswith("model.safetensors") else None
    assert run(["models", "pull", "hub:me/mine", "--quiet"]) == 5
    captured = capsys.readouterr()
    first, second = captured.err.splitlines()[-2:]
    assert (captured.out, first.startswith("error: "), second[:6]) == ("", True, "hint: ")
    assert message in first
    assert hint in second
    assert Store().pulled() == []
    assert list(Store().root.rglob("model.safetensors")) == []
    online.choose_fault = None
    assert run(["models", "pull", "hub:me/mine", "--quiet"]) == 0
    assert run(["models", "verify", "hub:me/mine"]) == 0


def test_a_pull_offline_is_an_error_and_opens_nothing(online, capsys, monkeypatch):
    monkeypatch.setenv("LINVT_OFFLINE", "1")
    assert run(["models", "pull", "qwen2-vl-2b"]) == 5
    assert "is to stay offline" in capsys.readouterr().err
    assert online.requests == []


def test_verify_says_that_all_is_right(pulled, capsys):
    assert run(["models", "verify"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "qwen2-vl-2b: 5 files, 293.1 KiB, all right",
        "hub:me/mine: 5 files, 293.1 KiB, all right",
    ]


def test_verify_names_what_is_wrong_and_the_command_that_mends_it(pulled, capsys):
    folder = folder_of("qwen2-vl-2b", capsys)
    (folder / "config.json").unlink()
    weights = folder / "model.safetensors"
    weights.write_bytes(bytes(weights.stat().st_size))
    assert run(["models", "verify"]) == 4
    captured = capsys.readouterr()
    assert captured.out.splitlines()[:2] == [
        "qwen2-vl-2b: config.json is missing",
        "qwen2-vl-2b: model.safetensors has other bytes than were pulled",
    ]
    mending = "linvt models pull --verify qwen2-vl-2b"
    assert captured.err == f"error: Damaged: qwen2-vl-2b\nhint: {mending}\n"
    assert run([*mending.split()[1:], "--quiet"]) == 0
    assert run(["models", "verify", "qwen2-vl-2b"]) == 0


def test_remove_frees_the_files_of_one_model(pulled, capsys):
    folder = folder_of("qwen2-vl-2b", capsys)
    assert run(["models", "remove", "qwen2-vl-2b"]) == 0
    assert capsys.readouterr().out == "qwen2-vl-2b: 293.1 KiB removed\n"
    assert not folder.exists()
    assert [model.manifest.repo for model in Store().pulled()] == ["me/mine"]


def test_both_kinds_of_files_named_are_all(pulled, capsys):
    assert run(["models", "remove", "--original", "--quantized", "qwen2-vl-2b"]) == 0
    assert [model.manifest.repo for model in Store().pulled()] == ["me/mine"]


def test_an_own_name_of_a_folder_stands_for_its_copies(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LINVT_HOME", str(tmp_path))
    (tmp_path / "models.toml").write_text("[lectures]\nfrom = './tiny'\n")
    (tmp_path / "tiny").mkdir()
    original = Original(local_repo(tmp_path / "tiny"), "1" * 40, "main")
    make_copy(
        Store(),
        original,
        "nf4",
        lambda target: Path(target, "config.json").touch(),
        needed=0,
        on_wait=lambda: None,
    )
    assert run(["models", "remove", "--quantized", "lectures"]) == 0
    assert capsys.readouterr().out == "lectures: 0 B removed\n"
    assert Store().pulled() == []


def test_remove_takes_what_a_pull_completed_meanwhile(pulled, capsys, monkeypatch):
    shelf = Store().shelf(QWEN)
    (model,) = shelf.pulled()
    manifest = shelf.manifest_path(model.manifest.commit)
    content = manifest.read_bytes()
    manifest.unlink()  # as while it is being pulled
    locked = Shelf.locked

    def completed(self, on_wait):
        manifest.write_bytes(content)
        return locked(self, on_wait)

    monkeypatch.setattr(Shelf, "locked", completed)
    assert run(["models", "remove", "qwen2-vl-2b"]) == 0
    assert capsys.readouterr().out.startswith("qwen2-vl-2b: 293.1 KiB")
    assert shelf.pulled() == []


def test_prune_removes_what_was_replaced_and_what_was_interrupted(pulled, capsys):
    old = folder_of("hub:me/mine", capsys)
    files = pulled.commits[pulled.heads["me/mine"]]
    pulled.publish("me/mine", {**files, "config.json": b"{}"})
    assert run(["models", "pull", "hub:me/mine", "--quiet"]) == 0
    part = Store().shelf(QWEN).parts / "0.part"
    part.parent.mkdir(exist_ok=True)
    part.write_bytes(bytes(2048))
    capsys.readouterr()
    assert run(["models", "prune", "--dry-run"]) == 0
    would = capsys.readouterr().out
    assert old.exists()
    assert run(["models", "prune"]) == 0
    done = capsys.readouterr().out.splitlines()
    assert f"hub:{QWEN}: 2.0 KiB, left by an interruption" in done
    assert f"hub:me/mine@{old.name}: 293.1 KiB, replaced by a newer commit" in done
    assert done[-1] == "295.1 KiB removed"
    assert would.splitlines() == [*done[:-1], "295.1 KiB would be removed"]
    assert not old.exists()
    assert not part.exists()
    assert run(["models", "verify", "--quiet"]) == 0


def test_prune_removes_unused_models_only_when_asked(pulled, capsys):
    assert run(["models", "prune"]) == 0
    assert capsys.readouterr().out == "0 B removed\n"
    assert run(["models", "prune", "--unused", "0"]) == 0
    assert "hub:me/mine: 293.1 KiB, not used for 0 days" in capsys.readouterr().out
    assert Store().pulled() == []


def test_a_terminal_sees_a_bar_and_stdout_only_the_folder(online):
    online.piece_seconds = 0.1
    done = run_linvt(
        "models",
        "pull",
        "hub:me/mine",
        command=REAL,
        stderr="terminal",
        TERM="xterm-256color",
        HF_ENDPOINT=online.endpoint,
    )
    assert done.code == 0, done.stderr
    assert Path(done.stdout.decode().rstrip("\n")).is_dir()
    assert "\u2501" in done.stderr.decode()
    assert b"KiB" in done.stderr


def test_one_interrupt_ends_a_pull_and_the_next_goes_on(online, tmp_path):
    online.publish("me/mine", {"config.json": b"{}", "model.safetensors": bytes(8) + bytes(5000)})
    online.choose_fault = lambda path: Fault("stall", after=3000) if "/storage/" in path else None
    environment = {**os.environ, "HF_ENDPOINT": online.endpoint, "HF_HUB_DOWNLOAD_TIMEOUT": "60"}
    process = subprocess.Popen(
        [sys.executable, "-m", "linvt_cli", "models", "pull", "hub:me/mine"],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
    )
    shelf = Store().shelf("me/mine")
    while not (parts := list(shelf.parts.glob("*.part"))) or parts[0].stat().st_size < 3000:
        assert process.poll() is None
        online.closing.wait(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=100)
    assert process.returncode == 130
    assert stderr.splitlines()[-1] == b"interrupted"
    assert parts[0].stat().st_size == 3000
