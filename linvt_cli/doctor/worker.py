"""What runs in the process of a check: it writes what it found to stdout, and nothing else."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from importlib import import_module
from typing import Any

from linvt_cli.doctor.findings import Circumstances, Finding
from linvt_cli.errors import LinVTError


def work(function: str, circumstances: Circumstances) -> dict[str, Any]:
    """Run a check, "module:function", and return ``finding`` or ``error`` as JSON values.

    Anything but a ``LinVTError`` leaves as it is: the process that waits reads the traceback.
    """
    module, _, name = function.partition(":")
    try:
        finding: Finding = getattr(import_module(module), name)(circumstances)
    except LinVTError as error:
        kind = type(error).__name__
        return {"error": {"type": kind, "message": error.message, "hint": error.hint}}
    return {"finding": asdict(finding)}


def main() -> None:
    """Run the check that this process was started for: its function and the circumstances."""
    outlet = os.dup(1)
    os.dup2(2, 1)  # what libraries print, natively too, goes to stderr
    function, circumstances = sys.argv[1:]
    outcome = work(function, Circumstances(**json.loads(circumstances)))
    with os.fdopen(outlet, "w", encoding="utf-8") as stream:
        json.dump(outcome, stream)
