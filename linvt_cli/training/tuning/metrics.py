"""What is written of each step: lines of JSON, TensorBoard where it is installed, a picture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from linvt_cli.training.curves import draw_curves
from linvt_cli.training.trainer import Metrics

METRICS_FILE = "metrics.jsonl"
CURVES_FILE = "curves.png"


@dataclass(frozen=True, slots=True)
class StepMetrics:
    """One step of a stage, over all processes."""

    stage: str
    step: int  # from 1
    num_steps: int
    loss: float | None  # mean over the samples of the step; None where all were bad
    learning_rate: float
    gradient_norm: float  # before clipping
    num_samples: int
    num_tokens: int  # that are learnt
    num_bad: int  # samples so far
    seconds: float  # wall time of the step

    @property
    def tokens_per_second(self) -> float:
        """How many answer tokens were learnt in a second."""
        return self.num_tokens / self.seconds if self.seconds else 0.0


class MetricsLog:
    """The metrics of a run; what a run that was cut off wrote after its last checkpoint goes.

    Args:
        run_dir: folder of the run.
        stage: the stage that begins or goes on.
        first: how many of its steps are taken.
    """

    def __init__(self, run_dir: Path, stage: str, *, first: int) -> None:
        self._path = run_dir / METRICS_FILE
        kept = [
            metrics
            for metrics in read_metrics(run_dir)
            if metrics.stage != stage or metrics.step <= first
        ]
        partial = self._path.with_suffix(".partial")
        partial.write_text("".join(map(_line, kept)), encoding="utf-8")
        partial.replace(self._path)
        self._board = _tensorboard(run_dir / "tensorboard" / stage, first + 1)

    def add(self, metrics: StepMetrics) -> None:
        """Write a step."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(metrics))
        if self._board is not None:
            for name in ("loss", "learning_rate", "gradient_norm", "tokens_per_second"):
                value = getattr(metrics, name)
                if value is not None:
                    self._board.add_scalar(name, value, metrics.step)

    def close(self) -> None:
        """Write what is still to be written."""
        if self._board is not None:
            self._board.close()


def read_metrics(run_dir: Path) -> Iterator[StepMetrics]:
    """Read back what a run has written; a line that was cut off is none."""
    path = run_dir / METRICS_FILE
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
            row.pop("tokens_per_second")
            metrics = StepMetrics(**row)
        except (ValueError, TypeError, KeyError):
            continue
        yield metrics


def losses_of(run_dir: Path, stage: str) -> dict[int, float]:
    """Return the losses of a stage by the step, without steps all of whose samples were bad."""
    return {
        each.step: each.loss
        for each in read_metrics(run_dir)
        if each.stage == stage and each.loss is not None
    }


def final_loss(run_dir: Path, stage: str, *, num_steps: int) -> float | None:
    """Return the mean loss of the last tenth of a stage's steps; None where there is none."""
    losses = [loss for step, loss in losses_of(run_dir, stage).items() if step > 0.9 * num_steps]
    return sum(losses) / len(losses) if losses else None


def draw(run_dir: Path) -> None:
    """Draw the loss of all stages.

    Raises:
        MachineError: if Matplotlib is not installed.
    """
    points = [
        Metrics(
            stage=each.stage,
            step=each.step,
            num_steps=each.num_steps,
            loss=each.loss,
            learning_rate=each.learning_rate,
            seconds=each.seconds,
        )
        for each in read_metrics(run_dir)
        if each.loss is not None
    ]
    if points:
        draw_curves(points, run_dir / CURVES_FILE)


def _line(metrics: StepMetrics) -> str:
    row = {**asdict(metrics), "tokens_per_second": round(metrics.tokens_per_second, 1)}
    return json.dumps(row) + "\n"


def _tensorboard(folder: Path, first: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    writer: Any = SummaryWriter  # untyped
    return writer(str(folder), purge_step=first)
