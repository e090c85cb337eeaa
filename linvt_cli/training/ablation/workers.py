"""Runs of an ablation side by side: processes that take the next one when they have done one.

On a GPU a small model waits for its next order rather than for the arithmetic, so several processes
share one. Each has a pipe to the command, which hands out the runs and alone writes results; the
end of a pipe is the end of its process.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from linvt_cli.errors import LinVTError
from linvt_cli.training.ablation.results import RunResult

Run = tuple[str, int]  # name of a variant, seed
Work = Callable[[str, int], RunResult]


class MakeWork(Protocol):
    """Makes, in a process of its own, what takes runs; it is sent there, so it can be pickled."""

    def __call__(self, on_progress: Callable[[str], None]) -> Work:
        """Load what runs need."""
        ...


@dataclass(frozen=True, slots=True)
class Listener:
    """Whom the command tells what arrives."""

    started: Callable[[Run], None]
    progress: Callable[[str], None]
    result: Callable[[RunResult], None]
    failure: Callable[[Run, str], None]


def run_side_by_side(
    make_work: MakeWork, runs: Sequence[Run], num_processes: int, listener: Listener
) -> None:
    """Give every run to one of some processes, and wait for all of them.

    A run that fails, or whose process dies, is told as a failure and is not tried again; the others
    go on. No process outlives this one.

    Args:
        make_work: makes what takes runs, in each process.
        runs: in the order in which they are handed out.
        num_processes: at most so many at a time.
        listener: told in this process what arrives.
    """
    _Crew(make_work, deque(runs), listener).work(min(num_processes, len(runs)))


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    run: Run


class _Crew:
    """The processes at work, each with a run."""

    def __init__(self, make_work: MakeWork, left: deque[Run], listener: Listener) -> None:
        self._make_work = make_work
        self._left = left
        self._listener = listener
        self._workers: dict[Connection, _Worker] = {}

    def work(self, num_processes: int) -> None:
        try:
            for _ in range(num_processes):
                self._start()
            while self._workers:
                heard = wait(list(self._workers))
                for pipe in [pipe for pipe in self._workers if pipe in heard]:
                    self._hear(pipe)
        finally:
            for worker in self._workers.values():
                worker.process.kill()
            for worker in self._workers.values():
                worker.process.join()

    def _start(self) -> None:
        """Start a process with the next run."""
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(there, self._make_work), daemon=True)
        with _deaf_children():
            process.start()
        there.close()  # so that the pipe ends with the process
        worker = _Worker(process, self._left.popleft())
        self._workers[here] = worker
        self._order(here, worker.run)

    def _order(self, pipe: Connection, run: Run) -> None:
        self._listener.started(run)
        with suppress(OSError):  # it has died, which its pipe tells next
            pipe.send(run)

    def _hear(self, pipe: Connection) -> None:
        worker = self._workers[pipe]
        try:
            kind, content = pipe.recv()
        except (EOFError, OSError):
            self._bury(pipe)
            return
        if kind == "progress":
            self._listener.progress(content)
            return
        if kind == "result":
            self._listener.result(content)
        else:
            self._listener.failure(worker.run, content)
        if self._left:
            worker.run = self._left.popleft()
            self._order(pipe, worker.run)
        else:
            self._dismiss(pipe)

    def _dismiss(self, pipe: Connection) -> None:
        worker = self._workers.pop(pipe)
        worker.process.kill()  # all it has made is here or on the disk
        worker.process.join()
        pipe.close()

    def _bury(self, pipe: Connection) -> None:
        """Tell which run died with its process, and start another process for the next."""
        worker = self._workers.pop(pipe)
        worker.process.join()
        pipe.close()
        self._listener.failure(worker.run, f"its process ended with {worker.process.exitcode}")
        if self._left:
            self._start()


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Let processes that are started here ignore Ctrl-C from their first moment: we end them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _serve(pipe: Connection, make_work: MakeWork) -> None:
    """Take run after run: the whole life of a process, which the command ends."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    work: Work | None = None
    while True:
        run = pipe.recv()
        try:
            work = work or make_work(lambda text: pipe.send(("progress", text)))
            answer: tuple[str, Any] = ("result", work(*run))
        except LinVTError as error:
            answer = ("failure", error.message)
        except Exception:  # noqa: BLE001 - told by the command, which goes on
            answer = ("failure", traceback.format_exc())
        pipe.send(answer)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
