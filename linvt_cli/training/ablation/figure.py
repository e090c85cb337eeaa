"""The figure of an ablation: bars of all variants, and lines over k and K. Needs Matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from linvt_cli.pipeline.figures import new_figure, require_matplotlib
from linvt_cli.training.ablation.results import ORDER, RunResult
from linvt_cli.training.ablation.table import Mean, mean_share, of_group
from linvt_cli.training.ablation.variants import FULL

_BAR_INCHES = 0.34
_LINEAR, _OTHER, _ORDER_COLOUR = "#4c72b0", "#dd8452", "#999999"


def draw_ablation(results: Sequence[RunResult], path: Path) -> None:
    """Draw exact answers to all questions, and to those about order; lines are standard errors.

    Other sizes stand beside the bars, where any have been tried.

    Raises:
        MachineError: if Matplotlib is not installed.
    """
    require_matplotlib("The figure is", extra="train", without="the table is written without it")
    bars = list(of_group(results, "variants"))
    kept = [r for spec, r in of_group(results, "kept tokens") if not spec.name.startswith("random")]
    video = [runs for _, runs in of_group(results, "video tokens")]
    sizes = {
        "kept tokens k": [(float(runs[0].num_kept or 0), runs) for runs in kept],
        "video tokens K": [(float(runs[0].num_video_tokens), runs) for runs in video],
    }
    tried = {label: points for label, points in sizes.items() if len(points) > 1}
    figure = new_figure(11 if tried else 7, max(4.5, 1.4 + _BAR_INCHES * len(bars)))
    layout: Any = [["bars", label] for label in tried] or [["bars"]]
    axes = figure.subplot_mosaic(layout, width_ratios=(3, 2) if tried else (1,))
    _draw_bars(axes["bars"], [runs for _, runs in bars])
    for label, points in tried.items():
        _draw_line(axes[label], points)
        axes[label].set(xlabel=label)
    figure.savefig(path, dpi=110, format="png")


def _draw_bars(axes: Any, rows: list[list[RunResult]]) -> None:
    """One bar for each variant, the first on top, with a mark for order and direction."""
    places = range(len(rows), 0, -1)
    means = [mean_share(runs, None) or Mean(0.0, None) for runs in rows]
    axes.barh(
        places,
        [mean.value for mean in means],
        xerr=[mean.error or 0.0 for mean in means],
        color=[_LINEAR if runs[0].linear else _OTHER for runs in rows],
        ecolor="#333333",
        capsize=2,
    )
    ordered = [
        (mean.value, place)
        for runs, place in zip(rows, places, strict=True)
        if (mean := mean_share(runs, ORDER)) is not None
    ]
    if ordered:
        axes.plot(
            *zip(*ordered, strict=True), "D", color=_ORDER_COLOUR, label="order and direction"
        )
    for colour, label in ((_LINEAR, "linear"), (_OTHER, "not linear")):
        axes.barh([0], [0], color=colour, label=label)
    axes.set_yticks(places, [runs[0].variant for runs in rows])
    axes.set(xlim=(0, 100), ylim=(0.4, len(rows) + 0.6), xlabel="exact answers, %")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower right", fontsize="small")


def _draw_line(axes: Any, points: list[tuple[float, list[RunResult]]]) -> None:
    """Exact answers over a size, with a ring around ``full``."""
    drawn = sorted(
        (size, mean.value, mean.error or 0.0, runs[0].variant == FULL)
        for size, runs in points
        if (mean := mean_share(runs, None)) is not None
    )
    axes.errorbar(
        [size for size, *_ in drawn],
        [value for _, value, *_ in drawn],
        yerr=[error for *_, error, _ in drawn],
        marker="o",
        markersize=4,
        color=_LINEAR,
        capsize=2,
    )
    full = [(size, value) for size, value, _, is_full in drawn if is_full]
    if full:
        axes.plot(*zip(*full, strict=True), "o", markersize=10, mfc="none", color="#333333")
    axes.set(ylim=(0, 100), ylabel="exact answers, %")
    axes.grid(alpha=0.3)
