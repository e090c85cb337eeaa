"""How linvt ends when nobody reads its output any more, as in ``linvt ask … | head -1``."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

SHOWN_CURSOR = b"\x1b[?25h"
"""Tells a terminal to show the cursor that progress has hidden."""


@contextmanager
def ends_by_sigpipe() -> Iterator[None]:
    """End the process by SIGPIPE, as other Unix tools end, if a pipe breaks inside the block.

    Python ignores the signal from the start. That must stay so everywhere else: a connection that
    the other side closes would end linvt as well.

    Raises:
        BrokenPipeError: where there is no such signal, or outside of the main thread.
    """
    try:
        yield
    except BrokenPipeError:
        if hasattr(signal, "SIGPIPE") and threading.current_thread() is threading.main_thread():
            with suppress(OSError):
                if os.isatty(2):
                    os.write(2, SHOWN_CURSOR)
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGPIPE)
        raise
