"""How a batch goes on: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from linvt_cli.cli.output import Output

LINE_SECONDS = 60.0
"""Between two lines, where there is no bar."""


class BatchProgress:
    """Shows how many videos are done, how many failed, how fast it goes and how long it takes.

    Args:
        output: where it is shown.
        total: number of videos.
        show: moves the bar; None where there is none.
    """

    def __init__(self, output: Output, total: int, show: Callable[[int, str], None] | None) -> None:
        self._output = output
        self._total = total
        self._show = show
        self._num_done = 0
        self._num_failed = 0
        self._began = self._last_line = time.monotonic()

    def begin(self, video: str) -> None:
        """Say which video it is about now."""
        self._update(video)

    def end(self, video: str, *, failed: bool) -> None:
        """Count a video."""
        self._num_done += 1
        self._num_failed += failed
        self._update(video)

    def _update(self, video: str) -> None:
        if self._show is not None:
            failures = f", {self._num_failed} failed" if self._num_failed else ""
            self._show(self._num_done, f"{video}{failures}")
            return
        now = time.monotonic()
        due = now - self._last_line >= LINE_SECONDS
        if due and 0 < self._num_done < self._total:
            self._last_line = now
            self._output.notice(self.line(now - self._began))

    def line(self, seconds: float) -> str:
        """Return how it goes on as a line.

        Args:
            seconds: since the beginning.
        """
        rate = self._num_done / seconds
        left = (self._total - self._num_done) / rate
        return (
            f"{self._num_done} of {self._total} videos, {self._num_failed} failed,"
            f" {60 * rate:.1f} a minute, {clock(left)} left"
        )


@contextmanager
def batch_progress(output: Output, total: int) -> Iterator[BatchProgress]:
    """Show how a batch goes on while the block runs.

    Args:
        output: where it is shown.
        total: number of videos.
    """
    with output.bar(total) as show:
        yield BatchProgress(output, total, show)


def clock(seconds: float) -> str:
    """Return a time span as h:mm:ss, or m:ss below an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
