"""A text that is of use only as a whole, such as a JSON document: printed to its end."""

from __future__ import annotations

import threading
from collections.abc import Callable

from linvt_cli.cli.interrupts import first_signal_held

PIECE = 4096
"""Characters that are printed at once: what a pipe takes, or takes not at all."""
STALL_SECONDS = 3.0
"""How long somebody who reads may take nothing, once linvt is to end."""


class WholeText:
    """Prints a text piece by piece, from one thread at a time.

    Args:
        write: prints a piece.
        stall: seconds without a piece after which ``print_last`` gives up.
    """

    def __init__(self, write: Callable[[str], None], *, stall: float = STALL_SECONDS) -> None:
        self._write = write
        self._stall = stall
        self._printing = threading.RLock()
        self._num_pieces = 0
        self._is_over = False

    def print(self, take: Callable[[], str]) -> None:
        """Print what ``take`` returns; Ctrl-C waits for the end of it, the second one does not."""
        with self._printing, first_signal_held():
            text = "" if self._is_over else take()
            for begin in range(0, len(text), PIECE):
                self._write(text[begin : begin + PIECE])
                self._num_pieces += 1

    def print_last(self, work: Callable[[], None]) -> None:
        """Do work that prints, after what another thread is printing; then none prints any more.

        Returns once all is printed, or nobody has taken a piece for too long. For the thread that
        ends the process while the main one cannot.
        """

        def print_all() -> None:
            with self._printing:
                work()
                self._is_over = True  # the main thread may come back before the end

        printing = threading.Thread(target=print_all, daemon=True)
        printing.start()
        before = -1
        while printing.is_alive() and self._num_pieces > before:
            before = self._num_pieces
            printing.join(self._stall)
