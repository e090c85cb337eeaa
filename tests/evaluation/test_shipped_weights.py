"""The weights inside the package do what the documentation says of them, give or take."""

from __future__ import annotations

import pytest

from linvt_cli import VideoQA
from linvt_cli.evaluation.world import WorldBenchmark, evaluate_world


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nano_knows_clips_it_has_never_seen_and_admits_what_is_foreign() -> None:
    """Guards against weights that do not belong to the code; docs/log.md has the real measure."""
    benchmark = WorldBenchmark(seed=77, num_clips=6, questions_per_clip=4, num_foreign=10)
    report = evaluate_world({"linvt": VideoQA.load("nano", device="cpu")}, benchmark)
    tally = report.overall("linvt")
    assert tally.total == 24
    assert tally.right >= 15
    honest = report.overall("linvt", kinds=["foreign"])
    assert honest.total == 10
    assert honest.right >= 8
