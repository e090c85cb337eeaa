"""What signals do: Ctrl-C within a second, even while a library computes and Python cannot run."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from linvt_cli.cli.broken_pipe import SHOWN_CURSOR
from linvt_cli.cli.failures import ExitCode

GRACE_SECONDS = 0.7
"""How long Python may take to stop by itself; the rest of the second is for the exit."""

_ENDING = {signal.SIGINT, signal.SIGTERM}  # all but the first arrive only where handled
if hasattr(signal, "SIGHUP"):
    _ENDING.add(signal.SIGHUP)
_RESTORED = b"\r\x1b[2K" + SHOWN_CURSOR  # progress leaves its line behind, too


@contextmanager
def prompt_interrupt(
    grace: float = GRACE_SECONDS, *, save: Callable[[], None] | None = None
) -> Iterator[None]:
    """End the process if ``KeyboardInterrupt`` has not left the block soon after Ctrl-C.

    Python raises ``KeyboardInterrupt`` between two bytecodes, so one long call into torch or OpenCV
    delays it. The C signal handler writes to a socket at once; a thread waits for that. What must
    not be lost is flushed as it is written, or ``save`` writes it. Outside of the main thread,
    where signals do not arrive, the block runs unguarded.

    Args:
        grace: seconds that Python has to stop by itself.
        save: called before the end, in the thread that waits; the main one may be at work still.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arriving, leaving = socket.socketpair()
    leaving.setblocking(False)
    left = threading.Event()
    guard = threading.Thread(target=_wait, args=(arriving, left, grace, save), daemon=True)
    guard.start()
    previous = signal.set_wakeup_fd(leaving.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        left.set()
        signal.set_wakeup_fd(previous)
        leaving.close()
        guard.join()
        arriving.close()


@contextmanager
def held_interrupt() -> Iterator[Callable[[], bool]]:
    """Note the first Ctrl-C in the block; the second raises ``KeyboardInterrupt``.

    Yields a function that says whether the first has come.
    """
    has_come = False

    def note(*_: object) -> None:
        nonlocal has_come
        if has_come:
            raise KeyboardInterrupt
        has_come = True

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    previous = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: has_come
    finally:
        signal.signal(signal.SIGINT, previous)


@contextmanager
def first_signal_held() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM do what they do once the block is done; the second does it at once."""
    held: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        held.append(number)
        if len(held) > 1:
            handlers[number](number, frame)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    found = {int(number): signal.getsignal(number) for number in _ENDING}
    handlers = {number: handler for number, handler in found.items() if callable(handler)}
    for number in handlers:
        signal.signal(number, hold)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if held:
        handlers[held[0]](held[0], None)


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM, and a terminal that is closed, end the process by an exception.

    So what holds a terminal gives it back, and what is half written goes.
    """

    def end(*_: object) -> None:
        raise SystemExit(ExitCode.INTERRUPTED)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # What somebody ignores, as nohup does, stays ignored.
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    numbers = [signal.Signals[name] for name in names]
    taken = {n: signal.getsignal(n) for n in numbers if signal.getsignal(n) != signal.SIG_IGN}
    for number in taken:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in taken.items():
            signal.signal(number, handler)


def _wait(
    arriving: socket.socket,
    left: threading.Event,
    grace: float,
    save: Callable[[], None] | None,
) -> None:
    while received := arriving.recv(64):
        if _ENDING.intersection(received) and not left.wait(grace):
            if save is not None:
                save()
            with suppress(OSError):  # whoever reads it may have been interrupted first
                os.write(2, (_RESTORED if os.isatty(2) else b"") + b"interrupted\n")
            os._exit(ExitCode.INTERRUPTED)
