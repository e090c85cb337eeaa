"""Gives back the pages of weight files that were read and are not needed again.

While a checkpoint is quantized its files stay mapped, and what was read of them stays in memory
until the system wants it back. Given back at once, a process never has much more than the quantized
model. Where the system is not Linux, nothing is done.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PAGE_OUT = 21  # MADV_PAGEOUT of Linux: clean pages are dropped, and read again where needed
_ALLOWED = 1 << 20  # KiB of mapped files that may stay in memory
_PAUSE = 0.25  # seconds between two looks


@contextmanager
def pages_given_back(folder: Path) -> Iterator[None]:
    """Keep the pages of a checkpoint's weight files from piling up while the block reads them.

    Args:
        folder: the checkpoint's.
    """
    if sys.platform != "linux":
        yield
        return
    files = {str(path.resolve()) for path in folder.glob("*.safetensors")}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_PAUSE):
            if mapped_in_memory() > _ALLOWED:
                give_back(files)

    watcher = threading.Thread(target=watch, name="pages", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def give_back(files: set[str]) -> None:
    """Give back the pages of files that this process has mapped; their content stays as it is.

    Args:
        files: paths without links.
    """
    library = ctypes.CDLL(None)
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[5] in files:
            start, _, end = fields[0].partition("-")
            place, length = int(start, 16), int(end, 16) - int(start, 16)
            # A system that does not know the advice says so, and nothing is lost.
            library.madvise(ctypes.c_void_p(place), ctypes.c_size_t(length), _PAGE_OUT)


def mapped_in_memory() -> int:
    """Return how much of mapped files is in memory for this process, in KiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("RssFile:")), 0)
