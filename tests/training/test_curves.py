from __future__ import annotations

from pathlib import Path

from PIL import Image

from linvt_cli.training.curves import as_table, draw_curves
from linvt_cli.training.trainer import Metrics

RUN = [
    Metrics("image", 5, 10, 3.2, 1e-3, 1.0),
    Metrics("image", 10, 10, 1.1, 1e-4, 2.0, {"all": 0.5, "count": 0.25}),
    Metrics("linvt", 4, 4, 0.7, 1e-4, 3.0, {"all": 0.875, "count": 1.0}),
]


def test_the_table_has_a_line_for_each_measured_step() -> None:
    lines = list(as_table(RUN))
    assert lines[2:] == [
        "| image | 10 | 1.100 | **50.0** (count 25) |",
        "| linvt | 4 | 0.700 | **87.5** (count 100) |",
    ]


def test_the_curves_are_drawn(tmp_path: Path) -> None:
    draw_curves(RUN, tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as picture:
        colours = picture.convert("RGB").getcolors(maxcolors=100_000)
    assert colours is not None
    assert len(colours) > 50  # lines, letters and their soft edges
