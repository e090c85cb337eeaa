from __future__ import annotations

import sys
from contextlib import ExitStack

import pytest

from linvt_cli.models.store import Store
from linvt_cli.models.verify import verify
from tests.models.kill_runs import pulling, run_randomized
from tests.models.repos import PULLED, honest_repo

RUNS = 6
"""``tests/benchmarks/bench_pull.py`` does two hundred, with larger files."""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform == "win32", reason="kills and forks")
def test_pulls_that_are_killed_at_any_moment_end_whole(hub, tmp_path):
    tally = run_randomized(hub, honest_repo(2_000_000), tmp_path, runs=RUNS, seed=0)
    assert tally.runs == RUNS
    assert tally.kills >= RUNS / 2
    assert tally.faults  # changes as well, now and then: test_pull.py has some every time
    assert tally.redirects


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_two_processes_that_pull_at_once_fetch_once(hub, tmp_path):
    files = honest_repo(4_000_000)
    hub.publish("owner/name", files)
    hub.piece_seconds = 0.02  # slow enough for both to be at it
    with ExitStack() as both:
        pullers = [both.enter_context(pulling()) for _ in range(2)]
        for process in pullers:
            process.start(hub.endpoint, tmp_path / "store")
        assert [process.end(timeout=120) for process in pullers] == [0, 0]
    assert {name: hub.fetched(name) for name in PULLED} == {n: len(files[n]) for n in PULLED}
    (model,) = Store(tmp_path / "store").pulled()
    assert verify(model) == []
