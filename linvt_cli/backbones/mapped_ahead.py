"""Prepares the next items in threads while the caller works on the last result."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
_MOST_THREADS = 8


def default_threads() -> int:
    """How many threads prepare pictures for another device: one core is left to drive it."""
    return max(1, min(_MOST_THREADS, (os.cpu_count() or 2) - 1))


def mapped_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], *, num_threads: int
) -> Generator[Result, None, None]:
    """Yield what the function makes of each item, in order.

    No more results than there are threads wait for the caller, so memory is bounded.

    Args:
        function: lets other threads run while it computes, as NumPy and Pillow do.
        items: taken one by one, from the caller's thread.
        num_threads: 0 calls the function in the caller's thread.
    """
    if num_threads == 0:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(num_threads, thread_name_prefix="linvt-prepare") as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > num_threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
