"""What is drawn ahead: worker processes draw while the main process computes.

A drawing is a picklable function of an index, of a step or a clip, so which process draws makes no
difference. Workers hold no model and know of no GPU. They come from a server process that has
loaded the library once and computed nothing, so a worker starts in milliseconds, and none inherits
the threads or the GPU of the process that it works for.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import BaseContext
from typing import Any, TypeVar

import torch

from linvt_cli.errors import MachineError

Drawn = TypeVar("Drawn")
_FREE_CORES = 2  # for the main process, and for the thread that receives
_ENOUGH_FOR_A_CPU = 2  # workers; the cores are the model's there
_AHEAD = 3  # drawings for each worker, at most
_LOADED_ONCE = ["linvt_cli.training.recipe"]

_drawing: Callable[[int], Any] | None = None  # of a worker process


def default_workers(device: torch.device) -> int:
    """How many workers suit this machine: none where it has two cores or fewer."""
    usable = getattr(os, "sched_getaffinity", None)  # Linux knows which cores this process may use
    spare = max(0, (len(usable(0)) if usable else os.cpu_count() or 1) - _FREE_CORES)
    return spare if device.type == "cuda" else min(spare, _ENOUGH_FOR_A_CPU)


@contextmanager
def drawn_ahead(
    drawing: Callable[[int], Drawn], indices: Sequence[int], *, num_workers: int
) -> Generator[Iterator[Drawn]]:
    """Give what is drawn at each index, in order; the workers end with the block.

    An error in a worker is raised where its drawing would have come.

    Args:
        drawing: draws; it must be picklable where there are workers, and so must what it draws.
        indices: what is drawn, in this order.
        num_workers: processes; 0 draws in this one, each drawing when it is asked for.

    Raises:
        MachineError: a worker came to a sudden end.
    """
    if num_workers < 1 or not indices:
        yield map(drawing, indices)
        return
    pool = ProcessPoolExecutor(
        num_workers, mp_context=_server(), initializer=_begin, initargs=(drawing,)
    )
    try:
        yield _in_order(pool, indices, _AHEAD * num_workers)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _in_order(pool: ProcessPoolExecutor, indices: Sequence[int], ahead: int) -> Iterator[Any]:
    waiting: deque[Future[Any]] = deque()
    try:
        for index in indices:
            waiting.append(pool.submit(_draw, index))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise MachineError(
            "A process that draws ahead came to a sudden end",
            hint="if memory ran out, let fewer draw: --workers N; the same command goes on",
        ) from error


def begin_loading() -> None:
    """Start the process that workers come from, which takes seconds to load the library."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return
    forkserver.set_forkserver_preload(_LOADED_ONCE)  # no effect once it runs
    resource_tracker.ensure_running()  # it would let in what is blocked below
    # Ctrl-C is for the main process to act on; a server that loads would print a traceback.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _server() -> BaseContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    begin_loading()
    return multiprocessing.get_context("forkserver")


def _begin(drawing: Callable[[int], Any]) -> None:
    """Make a process a worker, which ends when the main process does, however that ends."""
    global _drawing
    _drawing = drawing
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _draw(index: int) -> Any:
    if _drawing is None:
        raise RuntimeError("This process is no worker")
    return _drawing(index)
