"""Checks that go wrong in every way, for tests of what is made of that."""

from __future__ import annotations

import ctypes
import os
import sys
import time

from linvt_cli.doctor.findings import Circumstances, Finding
from linvt_cli.errors import MachineError, OfflineError


def chatter(circumstances: Circumstances) -> Finding:
    """Find nothing wrong, while libraries print."""
    sys.stdout.write("chatter\n")
    os.write(1, b"chatter of a native library\n")
    return Finding("fine", facts={"model": circumstances.model, "offline": offline()})


def offline() -> str | None:
    """Return what the libraries of Hugging Face are told."""
    return os.environ.get("HF_HUB_OFFLINE")


def warn(_: Circumstances) -> Finding:
    """Find something to look at."""
    return Finding("not so fine", status="warning", hint="look at it")


def fail(_: Circumstances) -> Finding:
    """Fail and say what to do."""
    raise OfflineError("No network", hint="leave out --offline")


def fail_without_hint(_: Circumstances) -> Finding:
    """Fail and leave it to the list what to do."""
    raise MachineError("Wrong numbers")


def crash(_: Circumstances) -> Finding:
    """End as a native library does that reads where it must not."""
    ctypes.string_at(0)
    return Finding("never")


def break_off(_: Circumstances) -> Finding:
    """Fail to load a library."""
    raise ImportError("libcudart.so.12: cannot open shared object file")


def leave(_: Circumstances) -> Finding:
    """End the process without a word."""
    os._exit(3)


def leave_early(_: Circumstances) -> Finding:
    """End the process as if all were well, without a word."""
    os._exit(0)


def hang(_: Circumstances) -> Finding:
    """Never end."""
    while True:
        time.sleep(60)
