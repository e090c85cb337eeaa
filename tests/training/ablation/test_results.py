from __future__ import annotations

import json
from pathlib import Path

import pytest

from linvt_cli.errors import ConfigError
from linvt_cli.training.ablation.results import (
    ImageResult,
    RunResult,
    add_result,
    read_image_result,
    read_results,
    share_of,
    write_image_result,
)

EXACT = {"after": (1, 4), "count": (3, 4), "foreign": (4, 4), "off-topic": (0, 2)}


def result(variant: str = "full", seed: int = 0, **changes: object) -> RunResult:
    values: dict[str, object] = {
        "variant": variant,
        "seed": seed,
        "num_steps": 600,
        "num_video_tokens": 80,
        "num_kept": 384,
        "num_weights": 1000,
        "linear": True,
        "loss": 0.5,
        "seconds_per_step": 1.0,
        "exact": EXACT,
    }
    return RunResult(**{**values, **changes})  # type: ignore[arg-type]


def test_results_are_read_as_they_were_written_in_the_order_of_the_table(tmp_path: Path) -> None:
    order = ["mean", "full"]
    runs = [result("full", 1), result("full", 0), result("mean", 0, num_kept=None)]
    assert read_results(tmp_path, order) == []
    for run in runs:
        add_result(tmp_path, run, order)
    assert read_results(tmp_path, order) == [runs[2], runs[1], runs[0]]
    lines = (tmp_path / "results.jsonl").read_text().splitlines()
    assert [json.loads(line)["seed"] for line in lines] == [0, 0, 1]


def test_results_of_variants_that_are_no_more_are_left_out(tmp_path: Path) -> None:
    add_result(tmp_path, result("once"), ["once"])
    assert read_results(tmp_path, ["full"]) == []


@pytest.mark.parametrize("line", ["", "{", "[]", "{}", '{"exact": {}}', '{"exact": {"count": 1}}'])
def test_a_line_that_is_no_result_is_named(tmp_path: Path, line: str) -> None:
    add_result(tmp_path, result(), ["full"])
    path = tmp_path / "results.jsonl"
    path.write_text(f"{path.read_text()}{line}\n")
    with pytest.raises(ConfigError, match=r"results\.jsonl:2: no result"):
        read_results(tmp_path, ["full"])


def test_shares_are_of_questions_about_the_world_or_of_some_kinds() -> None:
    assert share_of(EXACT) == 4 / 8
    assert share_of(EXACT, ("foreign",)) == 1
    assert share_of(EXACT, ("describe",)) is None


def test_answers_about_stills_are_kept(tmp_path: Path) -> None:
    assert read_image_result(tmp_path) is None
    images = ImageResult(before=EXACT, after={"count": (1, 2)}, weights_after="ab12")
    write_image_result(tmp_path, images)
    assert read_image_result(tmp_path) == images
