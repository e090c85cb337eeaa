from __future__ import annotations

import sys

import pytest

from tests.models.kill_runs import run_randomized
from tests.models.repos import honest_repo

RUNS = 6
"""``tests/benchmarks/bench_pull.py`` does two hundred, with larger files."""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform == "win32", reason="kills and forks")
def test_pulls_that_are_killed_at_any_moment_end_whole(hub, tmp_path):
    tally = run_randomized(hub, honest_repo(2_000_000), tmp_path, runs=RUNS, seed=0)
    assert tally.runs == RUNS
    assert tally.kills >= RUNS / 2
    assert tally.faults
