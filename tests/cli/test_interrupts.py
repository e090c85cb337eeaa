from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from linvt_cli.cli.app import run
from linvt_cli.cli.interrupts import ended_by_sigterm, held_interrupt, prompt_interrupt

# The second lock waits for ever in C and is not ended by a signal, as a long matrix product is not.
STUCK_IN_C = """
import ctypes, os, signal, threading
from linvt_cli.cli.interrupts import prompt_interrupt
with prompt_interrupt(grace=0.1):
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    mutex = ctypes.create_string_buffer(64)
    ctypes.CDLL(None).pthread_mutex_lock(mutex)
    ctypes.CDLL(None).pthread_mutex_lock(mutex)
"""


def test_a_call_that_python_cannot_leave_is_ended_from_outside():
    done = subprocess.run(
        [sys.executable, "-c", STUCK_IN_C], capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_an_interrupt_that_python_can_handle_is_left_to_python():
    with pytest.raises(KeyboardInterrupt), prompt_interrupt(grace=60):
        signal.raise_signal(signal.SIGINT)


def test_other_signals_do_not_end_the_process():
    received = []
    previous = signal.signal(signal.SIGUSR1, lambda number, _: received.append(number))
    try:
        with prompt_interrupt(grace=0):
            signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert received == [signal.SIGUSR1]


def test_the_block_leaves_no_thread_and_no_wakeup_descriptor():
    before = threading.active_count()
    with prompt_interrupt():
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
    assert signal.set_wakeup_fd(-1) == -1


def test_outside_of_the_main_thread_the_block_runs_unguarded():
    ran = []

    def work() -> None:
        with prompt_interrupt():
            ran.append(threading.active_count())

    before = threading.active_count()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ran == [before + 1]


def test_the_first_interrupt_is_held_and_the_second_raises():
    with held_interrupt() as interrupted:
        assert not interrupted()
        signal.raise_signal(signal.SIGINT)
        assert interrupted()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_sigterm_and_sighup_end_by_an_exception_within_the_block_only(number):
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with pytest.raises(SystemExit) as raised, ended_by_sigterm():
            signal.raise_signal(number)
        assert raised.value.code == 130
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize(
    "command",
    [
        ["ask", "{video}", "What?"],
        ["describe", "{video}"],
        ["explain", "{video}", "What?", "-o", "{new}.png"],
        ["tokens", "make", "{video}", "-o", "{new}.linvt"],
    ],
    ids=lambda command: command[0],
)
def test_sigterm_ends_commands_about_one_video_by_an_exception(
    video, tmp_path, monkeypatch, command
):
    """So that progress gives the terminal back its cursor."""
    left = []

    def load(model: str, **options: object) -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            left.append("unwound")

    monkeypatch.setattr("linvt_cli.pipeline.VideoQA.load", load)
    assert run([part.format(video=video, new=tmp_path / "new") for part in command]) == 130
    assert left == ["unwound"]
    assert list(tmp_path.glob("new*")) == []


def test_what_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_by_sigterm():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_outside_of_the_main_thread_no_signal_is_taken():
    held = []

    def work() -> None:
        with ended_by_sigterm(), held_interrupt() as interrupted:
            held.append(interrupted())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert held == [False]
