"""Loss and accuracy of a run as a picture and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from linvt_cli.errors import ConfigError
from linvt_cli.training.trainer import Metrics


def draw_curves(metrics: Sequence[Metrics], path: Path) -> None:
    """Draw loss and accuracy over the steps of all stages, one stage after the other.

    Raises:
        ConfigError: if Matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(
            "Curves are drawn with Matplotlib, which is not installed",
            field="curves",
            hint="pip install 'linvt[train]'",
        ) from error
    figure = Figure(figsize=(9, 6), layout="constrained")
    losses, accuracies = figure.subplots(2, 1, sharex=True)
    offset = 0
    for stage, points in _by_stage(metrics):
        losses.plot([offset + m.step for m in points], [m.loss for m in points], label=stage)
        measured = [(offset + m.step, m.accuracy) for m in points if m.accuracy]
        accuracies.plot(
            [step for step, _ in measured],
            [100 * accuracy["all"] for _, accuracy in measured],
            marker="o",
            markersize=3,
            label=stage,
        )
        offset += points[-1].num_steps
    losses.set(yscale="log", ylabel="loss, helping losses included")
    accuracies.set(ylim=(0, 100), ylabel="exact answers, %", xlabel="step")
    for axes in (losses, accuracies):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=110)


def as_table(metrics: Sequence[Metrics]) -> Iterator[str]:
    """Yield the lines of a Markdown table with every measured accuracy."""
    yield "| stage | step | loss | exact answers on validation clips, % |"
    yield "|---|---|---|---|"
    for point in metrics:
        if point.accuracy:
            kinds = ", ".join(
                f"{kind} {100 * share:.0f}"
                for kind, share in point.accuracy.items()
                if kind != "all"
            )
            total = f"{100 * point.accuracy['all']:.1f}"
            yield f"| {point.stage} | {point.step} | {point.loss:.3f} | **{total}** ({kinds}) |"


def _by_stage(metrics: Sequence[Metrics]) -> Iterator[tuple[str, list[Metrics]]]:
    for stage in dict.fromkeys(point.stage for point in metrics):
        yield stage, [point for point in metrics if point.stage == stage]
