from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "linvt_cli"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
PYTHON_FILES = sorted([*PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py")])

MAX_LINES = 300
HEAVY = {
    "torch",
    "transformers",
    "cv2",
    "av",
    "numpy",
    "PIL",
    "huggingface_hub",
    "rich",
    "prompt_toolkit",
}

# Modules without a test file of their own, each with its reason.
UNTESTED = {
    "types.py": "holds values only; every test of a stage uses them",
    "backbones/image_llm.py": "abstract; tests/backbones/test_contract.py checks all adapters",
    "backbones/composed.py": "abstract; test_blip3.py and test_molmo.py compare what is made of it",
    "backbones/llava.py": "shared; test_aquila.py, test_mipha.py and test_blip3.py use it",
    "backbones/blip3_parts.py": "test_blip3.py compares them with the public source",
    "backbones/molmo_parts.py": "test_molmo.py compares them with the public source",
    "backbones/molmo_layout.py": "test_molmo.py loads all three layouts",
    "pipeline/checked.py": "tests/pipeline/test_token_file.py breaks what it checks",
    "pipeline/token_parsing.py": "tests/pipeline/test_token_file.py breaks what it reads",
    "pipeline/watcher.py": "tests/pipeline/test_video_qa.py and test_token_cache.py watch with it",
    "cli/options.py": "declarations; the tests of each command use them",
    "cli/many.py": "declarations; the tests of each command use them",
    "pipeline/loading.py": "tests/pipeline/test_video_qa.py loads through it",
    "backbones/spec.py": "holds values only; tests/backbones/test_registry.py uses them",
    "backbones/base.py": "a protocol; tests/backbones/test_contract.py checks what fulfils it",
}


def run_python(code: str, **environment: str) -> str:
    """Run code in a fresh interpreter and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    return done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--help"],
        ["--version"],
        ["ask", "--help"],
        ["describe", "--help"],
        ["chat", "--help"],
        ["demo-clip", "--help"],
        ["data", "world", "--help"],
        ["data", "check", "missing.jsonl"],
        ["models", "list"],
        ["models", "show", "nano"],
        ["config", "show"],
        ["config", "path"],
        ["doctor", "--help"],
        ["ask", "missing.mp4"],
        ["chat", "missing.mp4"],
        ["no-such-command"],
    ],
    ids=" ".join,
)
def test_light_commands_load_nothing_heavy(arguments):
    code = (
        "import sys; from linvt_cli.cli.app import run;"
        f"run({arguments!r});"
        f"print(); print('loaded:', sorted({HEAVY!r} & set(sys.modules)))"
    )
    assert run_python(code).splitlines()[-1] == "loaded: []"


def test_completion_loads_nothing_heavy_and_offers_the_commands():
    code = (
        "import atexit, sys; from linvt_cli.cli.app import app;"
        f"atexit.register(lambda: print('loaded:', sorted({HEAVY!r} & set(sys.modules))));"
        "app([], prog_name='linvt')"
    )
    printed = run_python(
        code, _LINVT_COMPLETE="complete_bash", COMP_WORDS="linvt d", COMP_CWORD="1"
    )
    *offered, loaded = printed.splitlines()
    assert {"describe", "demo-clip"} <= set(offered)
    assert loaded == "loaded: []"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_has_its_test_file_or_a_reason(module):
    place = module.relative_to(PACKAGE)
    test_file = ROOT / "tests" / place.with_name(f"test_{place.name}")
    if str(place) in UNTESTED:
        assert not test_file.exists(), "it has a test file, so it needs no reason"
    else:
        assert test_file.is_file()


def test_every_reason_is_about_a_module_that_exists():
    assert [name for name in UNTESTED if not (PACKAGE / name).is_file()] == []


@pytest.mark.parametrize("file", PYTHON_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_too_long_to_read_in_one_go(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def test_there_is_no_drawer_for_odds_and_ends():
    drawers = {"utils.py", "util.py", "helpers.py", "common.py", "misc.py"}
    assert [str(path) for path in PYTHON_FILES if path.name in drawers] == []
