"""How much memory the machine itself can give: Linux says what is free, others what there is."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")


def free_on_machine() -> int:
    """Return how many bytes programs can have, or at most: without swapping where Linux tells.

    Elsewhere it is all memory of the machine, which no program can exceed; on Windows what is free.
    """
    for ask in (_available_on_linux, _free_on_windows, _in_the_machine):
        if (found := ask()) is not None:
            return found
    return sys.maxsize


def _available_on_linux() -> int | None:
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
        available = next(line for line in lines if line.startswith("MemAvailable:"))
        return int(available.split()[1]) * 1024
    except (OSError, StopIteration, ValueError):
        return None


class _MemoryStatus(ctypes.Structure):
    """``MEMORYSTATUSEX`` of the Windows API."""

    _fields_ = [
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        *(
            (name, ctypes.c_uint64)
            for name in (
                "total",
                "free",
                "total_paged",
                "free_paged",
                "total_virtual",
                "free_virtual",
                "free_extended",
            )
        ),
    ]


def _free_on_windows() -> int | None:
    library = getattr(ctypes, "windll", None)
    if library is None:
        return None
    status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
    found = library.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
    return int(status.free) if found else None


def _in_the_machine() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
