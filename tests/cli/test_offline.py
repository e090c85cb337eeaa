"""Offline, no command reaches for the network: the process would end with 99."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.processes import ROOT
from tests.cli.test_public_models import CLIP

FORBIDDEN = """
import os, socket, sys

def forbid(event, arguments):
    used = event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.bind")
    made = event == "socket.__new__" and arguments[1] in (socket.AF_INET, socket.AF_INET6)
    if used or made:
        os.write(2, f"network: {event} {arguments}".encode())
        os._exit(99)

sys.addaudithook(forbid)
from linvt_cli.cli.app import run
"""
ONE = FORBIDDEN + "sys.exit(run(sys.argv[1:]))"
SEVERAL = (
    FORBIDDEN
    + """
codes = [int(run(line.split())) for line in sys.argv[1:]]
os.write(2, f"codes: {codes}".encode())
"""
)


def run_without_sockets(
    tmp_path: Path, *arguments: str, script: str = ONE, **variables: str
) -> tuple[int, str]:
    """Run linvt and return its exit code and what it says on stderr."""
    clean = {k: v for k, v in os.environ.items() if not k.endswith("OFFLINE")}
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        env={**clean, "LINVT_HOME": str(tmp_path), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_the_guard_sees_the_network(tmp_path):
    code, stderr = run_without_sockets(
        tmp_path, "models", "pull", "hub:a/b", HF_ENDPOINT="http://127.0.0.1:9"
    )
    assert (code, stderr[:8]) == (99, "network:")


@pytest.mark.slow
def test_questions_offline_open_no_socket(tmp_path):
    questions = {
        f"ask {CLIP} What? --offline --frames 2": 0,
        f"ask {CLIP} What? --offline --model qwen2-vl-2b --pull": 4,
        f"ask {CLIP} What? --offline --model hub:owner/name --pull": 4,
    }
    ended, stderr = run_without_sockets(tmp_path, *questions, script=SEVERAL)
    assert ended == 0, stderr
    assert stderr.endswith(f"codes: {list(questions.values())}")


@pytest.mark.parametrize("variable", ["LINVT_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_a_pull_offline_opens_no_socket(tmp_path, variable):
    ended, stderr = run_without_sockets(tmp_path, "models", "pull", "hub:a/b", **{variable: "1"})
    assert ended == 5, stderr
    assert "is to stay offline" in stderr
    assert stderr.endswith(f"hint: unset {variable}\n")


def test_a_pull_with_the_option_opens_no_socket(tmp_path):
    ended, stderr = run_without_sockets(tmp_path, "models", "pull", "hub:a/b", "--offline")
    assert ended == 5, stderr
    assert stderr.endswith("hint: leave out --offline\n")


def test_a_pull_heeds_the_configuration_file(tmp_path):
    (tmp_path / "config.toml").write_text("offline = true\n", encoding="utf-8")
    pull, file = ("models", "pull", "hub:a/b"), {"LINVT_CONFIG": str(tmp_path / "config.toml")}
    ended, stderr = run_without_sockets(tmp_path, *pull, **file)
    assert ended == 5, stderr
    assert stderr.endswith("hint: linvt config unset offline (or add --no-offline)\n")
    hub = {"HF_ENDPOINT": "http://127.0.0.1:9"}
    assert run_without_sockets(tmp_path, *pull, "--no-offline", **file, **hub)[0] == 99


@pytest.mark.slow
def test_no_command_opens_a_socket_offline(tmp_path):
    commands = [
        "models list",
        "models list --pulled",
        "models show qwen2-vl-2b",
        "models verify",
        "models prune",
        "config show",
        "config path",
        "tokens list",
        "models path qwen2-vl-2b",
        "models remove qwen2-vl-2b",
        "quantize qwen2-vl-2b --offline --pull",
        f"describe {CLIP} --offline --pull --model qwen2-vl-2b",
        f"ask {CLIP} {CLIP} What? --offline --pull --model auto --quant nf4 --device cpu"
        " --checkpoint hub:owner/linvt --tokenizer linvt",
    ]
    ended, stderr = run_without_sockets(tmp_path, *commands, script=SEVERAL)
    assert ended == 0, stderr
    assert "network:" not in stderr
