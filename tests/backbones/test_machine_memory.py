from __future__ import annotations

import ctypes
import os
import sys
from types import SimpleNamespace

import pytest

from linvt_cli.backbones import machine_memory
from linvt_cli.backbones.machine_memory import free_on_machine


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A system without ``/proc``."""
    monkeypatch.setattr(machine_memory, "_MEMINFO", tmp_path / "meminfo")
    return tmp_path / "meminfo"


def test_linux_tells_what_programs_can_have(elsewhere):
    elsewhere.write_text("MemTotal:  3000 kB\nMemFree: 100 kB\nMemAvailable:    2000 kB\n")
    assert free_on_machine() == 2000 * 1024


@pytest.mark.parametrize("text", ["", "MemTotal: 3 kB\n", "MemAvailable: much\n"])
def test_where_it_does_not_all_memory_counts(elsewhere, text):
    elsewhere.write_text(text)
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert free_on_machine() == total < sys.maxsize


def test_windows_tells_what_is_free(elsewhere, monkeypatch):
    def fill(pointer) -> int:
        status = pointer._obj
        assert status.length == ctypes.sizeof(status) == 64  # as the Windows API has it
        status.total, status.free = 2**34, 2**33
        return 1

    kernel = SimpleNamespace(GlobalMemoryStatusEx=fill)
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel), raising=False)
    assert free_on_machine() == 2**33


def test_a_system_that_tells_nothing_has_no_limit(elsewhere, monkeypatch):
    monkeypatch.delattr(os, "sysconf")
    assert free_on_machine() == sys.maxsize
