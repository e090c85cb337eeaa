"""``linvt doctor`` on this machine, and with every kind of fault planted in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from linvt_cli.cli.app import run
from linvt_cli.cli.doctor import as_lines, exit_code, verdict
from linvt_cli.doctor.checks import CHECKS
from linvt_cli.doctor.findings import Row
from tests.cli.processes import REAL, ROOT, run_linvt

pytestmark = pytest.mark.timeout(600)  # every check starts a process of its own

SCHEMA = json.loads((ROOT / "docs" / "reference" / "doctor.schema.json").read_text("utf-8"))


def report(*arguments: str, code: int, **variables: Any) -> dict[str, dict[str, Any]]:
    """Run the doctor and return the rows of its report by name."""
    done = run_linvt("doctor", *arguments, "--json", command=REAL, **variables)
    assert done.code == code, done.stderr
    document = json.loads(done.stdout)
    Draft202012Validator(SCHEMA).validate(document)
    assert document["healthy"] == (code == 0)
    return {row["name"]: row for row in document["checks"]}


def test_a_plain_machine_is_well():
    rows = report("--offline", code=0)
    assert list(rows) == [check.name for check in CHECKS]
    unwell = {name: row for name, row in rows.items() if row["status"] in ("warning", "failed")}
    assert unwell.keys() <= {"disk", "gpu"}
    assert rows["network"]["status"] == "skipped"


def plant(folder: Path, module: str, code: str) -> str:
    """Write a module that stands before the installed one, and return its place."""
    (folder / module).mkdir()
    (folder / module / "__init__.py").write_text(code, encoding="utf-8")
    return str(folder)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "raise OSError('libcudart.so.12: cannot open shared object file')",
            "The check broke off: OSError: libcudart.so.12: cannot open shared object file",
        ),
        ("import ctypes; ctypes.string_at(0)", "The check crashed (SIGSEGV)"),
    ],
    ids=["a library is missing", "it crashes"],
)
def test_a_broken_bitsandbytes_is_named_and_the_rest_is_checked(tmp_path, code, message):
    place = plant(tmp_path, "bitsandbytes", code)
    rows = report("bitsandbytes", "configuration", code=6, PYTHONPATH=place)
    assert rows["bitsandbytes"]["message"] == message
    assert "pip install" in rows["bitsandbytes"]["hint"]
    assert rows["configuration"]["status"] == "ok"


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    rows = report("folders", code=6, LINVT_HOME=str(tmp_path / "file" / "linvt"))
    assert rows["folders"]["message"] == (
        f"The folder of models '{tmp_path}/file/linvt/models' cannot be written: Not a directory"
    )


def test_a_broken_configuration_is_a_row_and_stops_nothing(tmp_path):
    (tmp_path / "config.toml").write_text("modle = 1\n", encoding="utf-8")
    rows = report("configuration", "disk", code=2, LINVT_HOME=str(tmp_path))
    assert rows["configuration"]["hint"].startswith("did you mean model?")
    assert rows["disk"]["status"] in ("ok", "warning")


def test_the_model_is_that_of_the_configuration(tmp_path):
    (tmp_path / "config.toml").write_text('model = "qwen2-vl-2b"\n', encoding="utf-8")
    rows = report("model", code=4, LINVT_HOME=str(tmp_path))
    assert rows["model"]["failure"] == "BackboneLoadError"


def test_the_largest_model_that_fits_is_none_to_look_for(tmp_path):
    (tmp_path / "config.toml").write_text('model = "auto"\n', encoding="utf-8")
    rows = report("model", code=0, LINVT_HOME=str(tmp_path))
    assert rows["model"]["status"] == "skipped"


def test_a_corrupt_model_and_a_codec_without_decoder_are_named(tmp_path):
    shutil.copytree(
        ROOT / "linvt_cli", tmp_path / "linvt_cli", ignore=shutil.ignore_patterns("sprites")
    )
    assets = tmp_path / "linvt_cli" / "assets"
    weights = bytearray((assets / "nano" / "model.safetensors").read_bytes())
    weights[len(weights) // 2] ^= 0x10
    (assets / "nano" / "model.safetensors").write_bytes(weights)
    clip = (assets / "codecs" / "av1.mkv").read_bytes()
    (assets / "codecs" / "av1.mkv").write_bytes(clip.replace(b"V_AV1", b"V_XYZ"))
    done = subprocess.run(
        [sys.executable, "-m", "linvt_cli", "doctor", "codecs", "shipped-files"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=dict(os.environ),
        check=False,
    )
    assert (done.returncode, done.stderr) == (3, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("failed   codecs         Not read right: AV1 (")
    assert lines[1].strip().startswith("hint: install opencv-python-headless and av again")
    assert lines[2].endswith("codecs/av1.mkv, nano/model.safetensors are not as shipped")
    assert lines[3].strip() == "hint: install linvt again"
    assert lines[4] == "2 of 2 checks failed: codecs, shipped-files"


def test_an_unknown_check_is_refused_with_the_nearest(capsys):
    assert run(["doctor", "codec"]) == 2
    assert "hint: did you mean codecs?" in capsys.readouterr().err


def row(status: str, failure: str | None = None, hint: str | None = None) -> Row:
    return Row("codecs", status, "so\nit is", hint, failure, {}, 0.1)  # type: ignore[arg-type]


def test_a_row_is_one_line_and_what_to_do_another():
    assert as_lines(row("ok")) == ["ok       codecs         so\\nit is"]
    assert as_lines(row("failed", "VideoError", "do this"))[1] == f"{'':24}hint: do this"


def test_the_exit_code_is_that_of_the_first_failure():
    assert exit_code([row("ok"), row("warning")]) == 0
    failed = [row("ok"), row("failed", "DownloadError"), row("failed", "MachineError")]
    assert exit_code(failed) == 5


def test_the_verdict_names_what_failed_and_else_what_to_look_at():
    assert verdict([row("ok"), row("skipped")]) == "all is well"
    assert verdict([row("ok"), row("warning")]) == "all is well, but look at: codecs"
    assert verdict([row("warning"), row("failed")]) == "1 of 2 checks failed: codecs"
