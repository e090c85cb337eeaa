from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from linvt_cli.cli.broken_pipe import SHOWN_CURSOR, ends_by_sigpipe

BREAK = """
from linvt_cli.cli.broken_pipe import ends_by_sigpipe
with ends_by_sigpipe():
    raise BrokenPipeError
"""


def test_the_process_ends_by_the_signal():
    done = subprocess.run([sys.executable, "-c", BREAK], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGPIPE, b"", b"")


def test_a_terminal_gets_its_cursor_back():
    ours, theirs = pty.openpty()
    subprocess.run([sys.executable, "-c", BREAK], stderr=theirs, check=False)
    os.close(theirs)
    assert os.read(ours, 99) == SHOWN_CURSOR
    os.close(ours)


def test_elsewhere_it_stays_an_error():
    caught: list[BaseException] = []

    def work() -> None:
        with pytest.raises(BrokenPipeError) as error, ends_by_sigpipe():
            raise BrokenPipeError
        caught.append(error.value)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(caught) == 1
    with ends_by_sigpipe(), pytest.raises(FileNotFoundError):
        Path("/nowhere/at/all").stat()
