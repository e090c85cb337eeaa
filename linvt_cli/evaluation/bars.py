"""A bar chart of scores by category. Needs Matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from linvt_cli.pipeline.figures import new_figure, require_matplotlib

_BAR_INCHES = 0.32


def draw_bars(document: Mapping[str, Any], dimension: str, path: Path) -> None:
    """Draw the accuracy of every category of a dimension, of all questions, and the paper's.

    Lines on the bars are 95 % intervals. Where a run has no such categories, the only bar is that
    of all questions.

    Args:
        document: of results.
        dimension: whose categories are drawn.
        path: of the PNG file.

    Raises:
        MachineError: if Matplotlib is not installed.
    """
    require_matplotlib(
        "The chart is", extra="evaluate", without="the results are written without it"
    )
    bars = {**document["groups"].get(dimension, {}), "all": document["accuracy"]}
    bars = {name: record for name, record in bars.items() if record is not None}
    names = list(bars)[::-1]
    values = [100 * bars[name]["value"] for name in names]
    below = [100 * (bars[name]["value"] - bars[name]["low"]) for name in names]
    above = [100 * (bars[name]["high"] - bars[name]["value"]) for name in names]
    figure = new_figure(8, 1.6 + _BAR_INCHES * len(names))
    axes = figure.subplots()
    colours = ["#4c72b0" if name != "all" else "#333333" for name in names]
    errors = [[max(0.0, each) for each in side] for side in (below, above)]
    axes.barh(range(len(names)), values, color=colours, xerr=errors, ecolor="#888888", capsize=2)
    axes.set_yticks(range(len(names)), [f"{name} ({bars[name]['count']})" for name in names])
    axes.set(xlim=(0, 100), xlabel="accuracy, %", title=_title(document))
    axes.grid(axis="x", alpha=0.3)
    if document["paper"] is not None:
        figure_of_paper = 100 * document["paper"]["accuracy"]
        label = f"{document['paper']['model']} in the paper: {figure_of_paper:.1f}"
        axes.axvline(figure_of_paper, color="#c44e52", linestyle="--", label=label)
        axes.legend(loc="lower right", fontsize="small")
    figure.savefig(path, dpi=110, format="png")


def _title(document: Mapping[str, Any]) -> str:
    model = document["settings"]["model"]
    return f"{document['title']}: {model['backbone']}, {model['tokenizer']}"
