from __future__ import annotations

import pytest
from PIL import Image

from linvt_cli.errors import MachineError
from linvt_cli.evaluation.bars import draw_bars
from tests.evaluation.test_results import mlvu


@pytest.mark.parametrize("dimension", ["task", "nothing of the kind"])
def test_the_chart_is_a_picture_with_a_bar_for_each_category(tmp_path, dimension):
    path = tmp_path / "results.png"
    draw_bars(mlvu(1.0, 0.0, 0.0, 1.0), dimension, path)
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert (picture.height > 240) == (dimension == "task")


def test_without_matplotlib_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr("linvt_cli.pipeline.figures.find_spec", lambda name: None)
    with pytest.raises(MachineError, match="Matplotlib, which is not installed"):
        draw_bars(mlvu(1.0, 0.0, 0.0, 1.0), "task", tmp_path / "a.png")
