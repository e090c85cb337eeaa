"""Loss and accuracy of a run as a picture and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from linvt_cli.pipeline.figures import new_figure, require_matplotlib
from linvt_cli.training.trainer import Metrics


def draw_curves(metrics: Sequence[Metrics], path: Path) -> None:
    """Draw loss, and accuracy where it was measured, over the steps of one stage after the other.

    Raises:
        MachineError: if Matplotlib is not installed.
    """
    require_matplotlib("Curves are", extra="train")
    measured = any(point.accuracy for point in metrics)
    figure = new_figure(9, 6 if measured else 4)
    panels = figure.subplots(2 if measured else 1, 1, sharex=True, squeeze=False)[:, 0]
    offset = 0
    for stage, points in _by_stage(metrics):
        panels[0].plot([offset + m.step for m in points], [m.loss for m in points], label=stage)
        if measured:
            _draw_accuracy(panels[1], stage, points, offset)
        offset += points[-1].num_steps
    panels[0].set(yscale="log", ylabel="loss, helping losses included" if measured else "loss")
    panels[-1].set(xlabel="step")
    for axes in panels:
        axes.grid(alpha=0.3)
    panels[0].legend(loc="upper left", bbox_to_anchor=(1, 1))  # beside it: stages may be many
    figure.savefig(path, dpi=110)


def _draw_accuracy(axes: Any, stage: str, points: Sequence[Metrics], offset: int) -> None:
    measured = [(offset + m.step, m.accuracy) for m in points if m.accuracy]
    axes.plot(
        [step for step, _ in measured],
        [100 * accuracy["all"] for _, accuracy in measured],
        marker="o",
        markersize=3,
        label=stage,
    )
    axes.set(ylim=(0, 100), ylabel="exact answers, %")


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
