"""What runs in the process of a check: it writes what it found to stdout, and nothing else."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from importlib import import_module
from typing import Any

from linvt_cli.doctor.checks import find_check
from linvt_cli.doctor.findings import Circumstances, Finding
from linvt_cli.errors import LinVTError


def work(name: str, circumstances: Circumstances) -> dict[str, Any]:
    """Run one check and return ``finding`` or ``error`` as JSON values.

    Anything but a ``LinVTError`` leaves as it is: the process that waits reads the traceback.
    """
    module, _, function = find_check(name).function.partition(":")
    try:
        finding: Finding = getattr(import_module(module), function)(circumstances)
    except LinVTError as error:
        kind = type(error).__name__
        return {"error": {"type": kind, "message": error.message, "hint": error.hint}}
    return {"finding": asdict(finding)}


def main() -> None:
    """Run the check that this process was started for: a name, and the circumstances in JSON."""
    outlet = os.dup(1)
    os.dup2(2, 1)  # what libraries print, natively too, goes to stderr
    name, circumstances = sys.argv[1:]
    outcome = work(name, Circumstances(**json.loads(circumstances)))
    with os.fdopen(outlet, "w", encoding="utf-8") as stream:
        json.dump(outcome, stream)
