"""How a run goes on, in lines of text, and what of it is kept."""

from __future__ import annotations

from collections.abc import Callable

from linvt_cli.training.trainer import Metrics


class Told:
    """Tells how a run goes on, and remembers its loss and speed."""

    def __init__(self, name: str, on_progress: Callable[[str], None]) -> None:
        self._name = name
        self._on_progress = on_progress
        self._timed: list[Metrics] = []  # without the time that measuring took
        self.loss: float | None = None

    def __call__(self, metrics: Metrics) -> None:
        """Tell it, and remember."""
        self.loss = metrics.loss
        if metrics.accuracy is None:
            self._timed.append(metrics)
        self._on_progress(
            f"{self._name}: step {metrics.step} of {metrics.num_steps},"
            f" loss {metrics.loss:.3f}, {metrics.seconds:.0f} s"
        )

    @property
    def seconds_per_step(self) -> float | None:
        """Of this process; None where it took too few steps to tell."""
        if len(self._timed) < 2:
            return None
        first, last = self._timed[0], self._timed[-1]
        return (last.seconds - first.seconds) / (last.step - first.step)
