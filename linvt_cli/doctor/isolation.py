"""Runs a check in a process of its own, and makes a row of however that ends. Imports no torch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from typing import Any

from linvt_cli.doctor.checks import Check
from linvt_cli.doctor.findings import Circumstances, Finding, Row
from linvt_cli.errors import MachineError

# The child finds the modules that this process would; -P keeps the current folder out of it.
_START = """
import json, sys
sys.path[:] = json.loads(sys.argv.pop(1))
from linvt_cli.doctor.worker import main
main()
"""


def run_check(check: Check, circumstances: Circumstances) -> Row:
    """Run a check. Whatever happens in its process ends in a row."""
    started = time.perf_counter()
    finding, failure = _outcome(check, circumstances)
    return Row(
        name=check.name,
        status=finding.status,
        message=finding.message,
        hint=finding.hint,
        failure=failure,
        facts=finding.facts,
        seconds=round(time.perf_counter() - started, 2),
    )


def _outcome(check: Check, circumstances: Circumstances) -> tuple[Finding, str | None]:
    try:
        ended = subprocess.run(  # noqa: S603
            [
                *(sys.executable, "-P", "-X", "faulthandler", "-c", _START),
                *(json.dumps(sys.path), check.function, json.dumps(asdict(circumstances))),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=check.limit,
            check=False,
            env=_environment(circumstances),
        )
    except subprocess.TimeoutExpired:
        return _broken_off(check, f"did not end within {check.limit:.0f} s")
    if ended.returncode != 0:
        return _broken_off(check, *_last_words(ended.returncode, ended.stderr))
    try:
        outcome: dict[str, Any] = json.loads(ended.stdout)
    except ValueError:
        return _broken_off(check, "ended without a word")
    if (error := outcome.get("error")) is None:
        return Finding(**outcome["finding"]), None
    hint = error["hint"] or check.remedy
    return Finding(error["message"], status="failed", hint=hint), error["type"]


def _environment(circumstances: Circumstances) -> dict[str, str]:
    return {
        **os.environ,
        **({"HF_HUB_OFFLINE": "1"} if circumstances.offline else {}),
    }


def _broken_off(
    check: Check, what: str, facts: dict[str, str] | None = None
) -> tuple[Finding, str]:
    finding = Finding(f"The check {what}", facts=facts or {}, status="failed", hint=check.remedy)
    return finding, MachineError.__name__


def _last_words(code: int, stderr: bytes) -> tuple[str, dict[str, str]]:
    """Return how a process ended without a result, in words, and what it wrote last."""
    text = stderr.decode("utf-8", errors="replace")
    facts = {"stderr": text[-4000:]}
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = str(-code)
        return f"crashed ({name})", facts
    lines = [line for line in text.splitlines() if line.strip()]
    return f"broke off: {lines[-1] if lines else f'exit code {code}'}", facts
