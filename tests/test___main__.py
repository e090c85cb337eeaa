from __future__ import annotations

import gc
import os
import shlex
import signal
import subprocess
import sys

import pytest

from linvt_cli import __main__
from linvt_cli.cli import app
from linvt_cli.cli.failures import ExitCode


class ProcessEndedError(Exception):
    """Stands in for the end of the process."""


@pytest.fixture(autouse=True)
def no_process_ends(monkeypatch):
    def end(code: int) -> None:
        raise ProcessEndedError(code)

    monkeypatch.setattr(os, "_exit", end)
    yield
    gc.unfreeze()


def test_the_exit_code_is_that_of_the_command_line(monkeypatch):
    monkeypatch.setattr(app, "run", lambda: ExitCode.VIDEO)
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    assert ended.value.code == 3


def test_a_connection_that_breaks_does_not_end_the_process(monkeypatch):
    monkeypatch.setattr(app, "run", lambda: int(signal.getsignal(signal.SIGPIPE) != signal.SIG_IGN))
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    assert ended.value.code == 0


def test_streams_that_are_closed_are_no_bug():
    command = shlex.join([sys.executable, "-m", "linvt_cli", "config", "path"])
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        done = subprocess.run(["sh", "-c", f"{command} {closed}"], capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")


def test_python_does_not_look_for_garbage_as_it_ends(monkeypatch):
    monkeypatch.setattr(app, "run", lambda: ExitCode.DONE)
    with pytest.raises(SystemExit):
        __main__.main()
    assert gc.get_freeze_count() > 0


def test_an_interrupt_that_nobody_caught_is_one_line_and_130(monkeypatch, capfd):
    def run() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "run", run)
    with pytest.raises(ProcessEndedError) as ended:
        __main__.main()
    assert ended.value.args == (ExitCode.INTERRUPTED,)
    assert capfd.readouterr() == ("", "interrupted\n")


def test_an_interrupt_that_was_reported_is_not_reported_again(monkeypatch, capfd):
    monkeypatch.setattr(app, "run", lambda: ExitCode.INTERRUPTED)
    with pytest.raises(ProcessEndedError) as ended:
        __main__.main()
    assert ended.value.args == (ExitCode.INTERRUPTED,)
    assert capfd.readouterr() == ("", "")
