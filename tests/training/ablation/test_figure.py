from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from linvt_cli.errors import MachineError
from linvt_cli.training.ablation.figure import draw_ablation
from tests.training.ablation.test_results import result

RUNS = [
    result("mean", num_kept=None),
    result("projected", linear=False),
    result("full"),
    result("full", 1, exact={"after": (2, 4), "count": (4, 4)}),
    result("k-48", num_kept=48),
    result("random-k-96", num_kept=96),
    result("half-tokens", num_video_tokens=40),
]


@pytest.mark.parametrize("runs", [RUNS, RUNS[:1], []], ids=["all", "one", "none"])
def test_what_is_finished_is_drawn(runs: list[object], tmp_path: Path) -> None:
    draw_ablation(runs, tmp_path / "ablation.png")  # type: ignore[arg-type]
    with Image.open(tmp_path / "ablation.png") as picture:
        colours = picture.convert("RGB").getcolors(maxcolors=100_000)
    assert colours is not None
    assert len(colours) > 50  # bars, letters and their soft edges


def test_other_sizes_have_a_place_only_where_some_were_tried(tmp_path: Path) -> None:
    widths = []
    for name, runs in (("all", RUNS), ("bars", RUNS[:4]), ("kept", RUNS[:5])):
        draw_ablation(runs, tmp_path / name)
        with Image.open(tmp_path / name) as picture:
            widths.append(picture.width)
    assert widths[1] < widths[0] == widths[2]


def test_without_matplotlib_the_error_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linvt_cli.pipeline.figures.find_spec", lambda name: None)
    with pytest.raises(MachineError, match="not installed"):
        draw_ablation(RUNS, tmp_path / "ablation.png")
