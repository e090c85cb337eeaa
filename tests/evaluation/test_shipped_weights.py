"""The weights inside the package do what the documentation says of them, give or take."""

from __future__ import annotations

import pytest

from linvt_cli import VideoQA
from linvt_cli.evaluation.world import WorldBenchmark, evaluate_world


@pytest.mark.slow
def test_nano_answers_far_more_than_chance_on_clips_it_has_never_seen() -> None:
    """Guards against weights that do not belong to the code; docs/log.md has the real measure."""
    benchmark = WorldBenchmark(seed=77, num_clips=12, questions_per_clip=4, num_foreign=0)
    report = evaluate_world({"linvt": VideoQA.load("nano", device="cpu")}, benchmark)
    tally = report.overall("linvt")
    assert tally.total == 48
    assert tally.right >= 17
