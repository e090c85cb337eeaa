"""Decoding the next videos while something else is done with the current one."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from types import TracebackType
from typing import Self

from linvt_cli.config import DECODE_TIMEOUT
from linvt_cli.video.decode_process import DecodeProcess
from linvt_cli.video.decode_worker import Decoded, DecodeJob, decode
from linvt_cli.video.fingerprint import Fingerprint
from linvt_cli.video.side_by_side import usable_cores

MAX_BYTES = 1 << 30
"""Bytes of pixels that wait to be looked at, the video that is next excepted."""
_MOST_WORKERS = 4
_AHEAD_OF_EACH = 2  # videos that a worker may be ahead
_HAS_PROCESSES = os.name != "nt"  # Windows cannot hand them the files that they write pixels to


def usual_workers() -> int:
    """Return how many processes decode: one on each core, where there are few.

    None is left to the model alone: it often waits for a video, and then all of them decode.
    """
    return min(_MOST_WORKERS, _own_cores())


def _own_cores() -> int:
    """Return this process's share of the cores, where torchrun started several on this machine."""
    told = os.environ.get("LOCAL_WORLD_SIZE", "")
    sharers = int(told) if told.isascii() and told.isdecimal() else 1
    return max(1, usable_cores() // max(1, sharers))


class DecodeAhead:
    """The outcomes of decoding many videos, in their order, each decoded before it is asked for.

    A context manager: its end ends all processes. No more than two videos for each process are
    decoded ahead, and no more than ``max_bytes`` of their pixels are kept, but for the one that is
    next. A file that makes its process hang or crash costs only itself.

    What need not be decoded is asked for ahead too, in the threads that wait for the processes.

    Args:
        jobs: what to decode.
        workers: how many processes decode; with 0, and on Windows, this one does, and nothing is
            ahead.
        timeout: seconds for one video.
        max_bytes: of pixels that wait.
        command: what is started to decode.
        known: says what file a job is about if its frames are not needed, else None; called from
            several threads.
    """

    def __init__(
        self,
        jobs: Sequence[DecodeJob],
        *,
        workers: int | None = None,
        timeout: float = DECODE_TIMEOUT,
        max_bytes: int = MAX_BYTES,
        command: Sequence[str] | None = None,
        known: Callable[[DecodeJob], Fingerprint | None] = lambda _: None,
    ) -> None:
        self._jobs = jobs
        self._known = known
        wanted = usual_workers() if workers is None else workers
        count = min(wanted, len(jobs)) if _HAS_PROCESSES else 0
        # Two videos on a core each are done sooner than one after the other on two.
        threads = max(1, _own_cores() // max(1, count))
        self._processes = [
            DecodeProcess(timeout=timeout, threads=threads, command=command) for _ in range(count)
        ]
        self._window = _AHEAD_OF_EACH * count
        self._max_bytes = max_bytes
        self._state = threading.Condition()
        self._outcomes: dict[int, Decoded | BaseException] = {}
        self._num_begun = 0
        self._current = 0  # which outcome is waited for, or was given last
        self._bytes: dict[int, int] = {}  # of the pixels that wait, by job
        self._is_closed = False
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        """Begin to decode."""
        self._threads = [
            threading.Thread(target=self._work, args=(process,), daemon=True)
            for process in self._processes
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End all processes, whatever they are at."""
        with self._state:
            self._is_closed = True
            self._state.notify_all()
        for process in self._processes:
            process.stop()
        for thread in self._threads:
            thread.join()

    def __iter__(self) -> Iterator[Decoded]:
        """Give the outcomes in the order of the jobs."""
        for number, job in enumerate(self._jobs):
            yield self._outcome(number) if self._processes else self._do(job, decode)

    def _do(self, job: DecodeJob, decode_it: Callable[[DecodeJob], Decoded]) -> Decoded:
        source = self._known(job)
        return decode_it(job) if source is None else Decoded(None, source)

    def _outcome(self, number: int) -> Decoded:
        with self._state:
            self._current = number
            self._state.notify_all()
            self._state.wait_for(lambda: number in self._outcomes)
            self._bytes.pop(number, None)
            outcome = self._outcomes.pop(number)
            self._state.notify_all()  # there is room, for which a process may wait already
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def _work(self, process: DecodeProcess) -> None:
        if hasattr(signal, "pthread_sigmask"):
            # A process that crashed must not take this one with it when it is written to.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})
        with closing(process):  # here, since that may write to it too
            self._decode_all(process)

    def _decode_all(self, process: DecodeProcess) -> None:
        while (number := self._next_job()) is not None:
            outcome: Decoded | BaseException
            try:
                admit = partial(self._admit, number=number)
                outcome = self._do(self._jobs[number], partial(process.decode, admit=admit))
            except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                outcome = error
            with self._state:
                self._outcomes[number] = outcome
                self._state.notify_all()

    def _next_job(self) -> int | None:
        with self._state:
            self._state.wait_for(
                lambda: self._is_closed or self._num_begun <= self._current + self._window
            )
            if self._is_closed or self._num_begun == len(self._jobs):
                return None
            self._num_begun += 1
            return self._num_begun - 1

    def _admit(self, size: int, number: int) -> None:
        """Wait until there is room for the pixels of a job, or until it is the one waited for."""
        with self._state:
            self._state.wait_for(
                lambda: (
                    self._is_closed
                    or number == self._current
                    or sum(self._bytes.values()) + size <= self._max_bytes
                )
            )
            self._bytes[number] = size
