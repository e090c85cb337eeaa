"""Trains LinVT on data files for ``linvt train``: settings from options, progress on stderr."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from linvt_cli.cli.output import Output

if TYPE_CHECKING:
    from linvt_cli.training.tuning.metrics import StepMetrics
    from linvt_cli.training.tuning.settings import TuningSettings
    from linvt_cli.training.video_data.samples import BadSample

_SECONDS_BETWEEN_LINES = 30.0  # where there is no terminal
_STEPS_FOR_RATE = 20


def tune(settings: TuningSettings, output: Output) -> None:
    """Train, and print the folder of the checkpoint; of several processes, the first prints."""
    first = int(os.environ.get("RANK", "0")) == 0
    output.quiet = output.quiet or not first
    with output.sole_writer(), output.progress("loading the model") as show:
        from linvt_cli.training.tuning.run import Observer, run_tuning

        report = Report(output, show)
        folder = run_tuning(settings, Observer(output.notice, report.step, report.bad))
    if first:
        output.line(str(folder))


class Report:
    """Says how training goes on: in one line on a terminal, else in a line now and then.

    Args:
        output: takes the lines.
        show: replaces the one line, where there is a terminal.
    """

    def __init__(self, output: Output, show: Callable[[str], None]) -> None:
        self._output = output
        self._show = show
        self._seconds: deque[float] = deque(maxlen=_STEPS_FOR_RATE)
        self._told = float("-inf")

    def step(self, metrics: StepMetrics) -> None:
        """Tell of a step."""
        self._seconds.append(metrics.seconds)
        line = step_line(metrics, sum(self._seconds) / len(self._seconds))
        self._show(line)
        now = time.monotonic()
        if metrics.step == metrics.num_steps or now - self._told >= _SECONDS_BETWEEN_LINES:
            self._told = now
            self._output.notice(line)

    def bad(self, sample: BadSample) -> None:
        """Tell of a sample that is skipped."""
        self._output.warning(f"{sample.place}: {sample.reason}; skipped")


def step_line(metrics: StepMetrics, seconds: float) -> str:
    """Return a line about a step.

    Args:
        metrics: of the step.
        seconds: that a step takes.
    """
    loss = "no usable sample" if metrics.loss is None else f"loss {metrics.loss:.4f}"
    left = (metrics.num_steps - metrics.step) * seconds
    until = "" if metrics.step == metrics.num_steps else f", {duration(left)} left"
    return (
        f"{metrics.stage}: step {metrics.step} of {metrics.num_steps}, {loss},"
        f" {metrics.tokens_per_second:.0f} tokens/s{until}"
    )


def duration(seconds: float) -> str:
    """Return a time as people say it: 40 s, 12 min, 3 h 20 min."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
