from __future__ import annotations

import pytest

from linvt_cli.doctor.checks import Check
from linvt_cli.doctor.findings import Circumstances, Row
from linvt_cli.doctor.isolation import run_check


def run(fault: str, *, limit: float = 100.0, circumstances: Circumstances | None = None) -> Row:
    check = Check("it", f"tests.doctor.faults:{fault}", "a fault", "do this", limit)
    return run_check(check, circumstances or Circumstances())


def test_a_finding_comes_back_whole_however_libraries_chatter():
    row = run("chatter", circumstances=Circumstances("nano", offline=True))
    assert (row.name, row.status, row.message, row.hint) == ("it", "ok", "fine", None)
    assert row.facts == {"model": "nano", "offline": "1"}
    assert row.failure is None
    assert row.seconds > 0


def test_a_warning_keeps_its_hint():
    row = run("warn")
    assert (row.status, row.hint, row.failure) == ("warning", "look at it", None)


@pytest.mark.parametrize(
    ("fault", "message", "hint", "failure"),
    [
        ("fail", "No network", "leave out --offline", "OfflineError"),
        ("fail_without_hint", "Wrong numbers", "do this", "MachineError"),
        ("crash", "The check crashed (SIGSEGV)", "do this", "MachineError"),
        (
            "break_off",
            "The check broke off: ImportError: libcudart.so.12: cannot open shared object file",
            "do this",
            "MachineError",
        ),
        ("leave_early", "The check ended without a word", "do this", "MachineError"),
        ("leave", "The check broke off: exit code 3", "do this", "MachineError"),
    ],
)
def test_every_way_to_fail_becomes_a_row_with_the_thing_to_do(fault, message, hint, failure):
    row = run(fault)
    assert (row.status, row.message, row.hint) == ("failed", message, hint)
    assert row.failure == failure


def test_a_crash_says_where_it_happened():
    assert "in crash" in run("crash").facts["stderr"]


def test_a_check_that_hangs_is_ended():
    row = run("hang", limit=1.0)
    assert (row.status, row.message) == ("failed", "The check did not end within 1 s")


def test_a_module_in_the_current_folder_is_not_what_the_check_imports(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit(9)", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert run("chatter").status == "ok"
