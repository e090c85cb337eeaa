from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import MISSING, fields
from pathlib import Path

import pytest
import torch

from linvt_cli.backbones.registry import find_backbone
from linvt_cli.cli.app import run
from linvt_cli.cli.config import shown
from linvt_cli.cli.failures import EXIT_CODES, MEANINGS, ExitCode, exit_code_of_class
from linvt_cli.config import LinVTConfig, Workload
from linvt_cli.doctor.checks import CHECKS
from linvt_cli.doctor.golden import read_golden
from linvt_cli.errors import DownloadError
from linvt_cli.pipeline.memory import memory_need
from linvt_cli.pipeline.precision import ORDER, ROOM
from linvt_cli.settings.file import read_file
from linvt_cli.settings.table import SETTINGS
from linvt_cli.video_tokenizer.checkpoint import CheckpointInfo, write_checkpoint_info
from tests.cli.schema import validate, validate_description

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md")])
DEMO = "linvt_cli/assets/demo.mp4"


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced code blocks of a language."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def table_rows(page: Path) -> list[tuple[str, ...]]:
    """Return the cells of all rows of all tables, without the backquotes."""
    lines = page.read_text(encoding="utf-8").splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("| ")]
    return [tuple(cell.strip().strip("`") for cell in row) for row in rows]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_the_command_line_reference_is_that_of_the_code(tmp_path):
    generated = tmp_path / "cli.md"
    command = ["-m", "typer", "linvt_cli.cli.app", "utils", "docs", "--name", "linvt"]
    subprocess.run(
        [sys.executable, *command, "--output", generated], check=True, cwd=ROOT, capture_output=True
    )
    kept = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    assert generated.read_text(encoding="utf-8") == kept, "run: make docs"


def test_the_exit_codes_are_those_of_the_code():
    rows = table_rows(DOCS / "reference" / "exit-codes.md")
    meanings = [(str(code.value), meaning) for code, meaning in MEANINGS.items()]
    failures = [(error.__name__, str(code.value)) for error, code in EXIT_CODES.items()]
    pairs = [row for row in rows if len(row) == 2]
    assert pairs == [("code", "meaning"), *meanings, ("failure", "code"), *failures]
    of_pulls = {row[1] for row in rows if len(row) == 4} - {"error"}
    kinds: list[type[DownloadError]] = [DownloadError, *DownloadError.__subclasses__()]
    assert of_pulls == {kind.__name__ for kind in kinds}
    assert {exit_code_of_class(kind) for kind in kinds} == {ExitCode.NETWORK}


def test_the_format_of_checkpoints_is_that_of_the_code(tmp_path):
    rows = [row for row in table_rows(DOCS / "reference" / "checkpoint.md") if row[0] != "failure"]
    wide = [row for row in rows if len(row) == 3 and not row[1].endswith("Error")]
    shape = {field.name: field.default for field in fields(LinVTConfig)}
    told = {name: default.strip("`") for name, default, _ in wide if name != "shape"}
    assert {name: json.dumps(value) for name, value in shape.items() if value is not MISSING} == {
        name: value for name, value in told.items() if value != "needed"
    }
    assert told.keys() == shape.keys()
    info = CheckpointInfo(LinVTConfig(embed_dim=64), "nano")
    write_checkpoint_info(tmp_path, info)
    written = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert {row[0] for row in rows if len(row) == 2} - {"field"} == written.keys()


def test_the_settings_are_those_of_the_code():
    rows = table_rows(DOCS / "reference" / "configuration.md")
    settings = [(setting.key, setting.expected, shown(setting.default)) for setting in SETTINGS]
    assert rows[: len(SETTINGS) + 1] == [("key", "value", "default"), *settings]


def test_the_example_of_a_configuration_is_accepted(tmp_path):
    (example,) = blocks(DOCS / "reference" / "configuration.md", "toml")
    file = tmp_path / "config.toml"
    file.write_text(example, encoding="utf-8")
    assert set(read_file(file).checked()) == {"model", "frames", "offline"}


def test_the_answer_in_the_readme_is_that_of_the_shipped_model():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    golden = read_golden()
    assert f'"{golden.question}"\n{golden.answer}\n' in readme


def test_the_json_examples_fit_the_schemas():
    answer, description = blocks(DOCS / "reference" / "json.md", "json")
    validate(json.loads(answer))
    validate_description(json.loads(description))


def test_the_checks_of_the_doctor_are_those_of_the_code():
    rows = table_rows(DOCS / "reference" / "doctor.md")
    checks = [(check.name, check.summary) for check in CHECKS]
    assert rows[: len(CHECKS) + 1] == [("check", "looks whether"), *checks]


def test_every_field_of_the_report_of_the_doctor_is_explained():
    page = DOCS / "reference" / "doctor.schema.json"
    schema = json.loads(page.read_text(encoding="utf-8"))
    explained = {row[0] for row in table_rows(DOCS / "reference" / "doctor.md")}
    fields = schema["properties"]["checks"]["items"]["properties"]
    assert {*schema["properties"], *(f"checks.{field}" for field in fields)} <= explained


@pytest.mark.parametrize("name", ["answer", "description"])
def test_every_field_of_the_schemas_is_explained(name):
    file = DOCS / "reference" / f"{name}.schema.json"
    schema = json.loads(file.read_text(encoding="utf-8"))
    explained = {
        field.strip(" `")
        for row in table_rows(DOCS / "reference" / "json.md")
        for field in row[0].split(",")
    }
    for name, part in schema["properties"].items():
        fields = part.get("properties", {}) if name != "error" else {}
        assert {f"{name}.{field}" for field in fields} <= explained
        assert fields or name in explained
        items = part.get("items", {}).get("properties", {})
        assert {f"{name}.{field}" for field in items} <= explained


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_inside_the_documentation_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)
    local = [target for target in targets if not target.startswith("http")]
    assert [target for target in local if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "cli.md"], ids=name_of)
def test_every_linvt_command_in_the_documentation_has_only_options_that_exist(page):
    reference = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    options = {
        section.split("`", 1)[0]: set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", section))
        for section in reference.split("## `linvt ")[1:]
    }
    for line in "".join(blocks(page, "console")).splitlines():
        if not line.startswith("$ linvt "):
            continue
        _, _, command, *words = shlex.split(line.partition(" | ")[0], comments=True)
        used = {word for word in words if re.fullmatch("--?[a-z][a-z-]*", word)}
        whole = " ".join([command, *words[:1]])
        assert used <= options.get(whole, options[command]), line


def test_the_list_of_models_is_that_of_the_code(capsys):
    assert run(["models", "list"]) == 0
    shown = capsys.readouterr().out
    assert shown in blocks(DOCS / "guides" / "models.md", "text")


def test_the_memory_that_the_guide_names_is_what_the_code_estimates():
    rows = [row for row in table_rows(DOCS / "guides" / "models.md") if len(row) == 7]
    for name, *figures in rows[1:]:
        needs = [
            memory_need(find_backbone(name), bits, dtype, Workload(), device=device)
            for device, dtype in (("cuda", torch.bfloat16), ("cpu", torch.float32))
            for bits in ORDER
        ]
        assert figures == [f"{ROOM * need.gib:.1f}" for need in needs]
    assert len(rows) == 4


def test_the_worked_example_of_a_backbone_runs(tmp_path):
    (tmp_path / "linvt_cli").symlink_to(ROOT / "linvt_cli")
    script = "\n".join(blocks(DOCS / "guides" / "add-a-backbone.md", "python"))
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "256 visual tokens, 8 video tokens\n"


@pytest.mark.parametrize("page", ["README.md", "docs/reference/python.md"])
def test_the_python_snippets_run(page, tmp_path):
    (tmp_path / "linvt_cli").symlink_to(ROOT / "linvt_cli")
    (tmp_path / "clip.mp4").symlink_to(ROOT / DEMO)
    for snippet in blocks(ROOT / page, "python"):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", snippet],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.strip()
