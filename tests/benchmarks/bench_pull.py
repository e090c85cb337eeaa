"""Two hundred pulls from a misbehaving hub on this machine, each killed at random moments.

    python tests/benchmarks/bench_pull.py [RUNS] [SEED]

In half of them the weights may change under their commit. Each must end whole and verified, never
show a wrong file under its final name, and fetch again at most one chunk of 16 MiB for a kill, and
what a change or a fault has spoilt. A failure ends the script with the run's numbers.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.models.hub_server import serving
from tests.models.kill_runs import run_randomized
from tests.models.repos import honest_repo

SIZE = 20_000_000  # bytes: more than one chunk


def main(runs: int, seed: int) -> None:
    """Run, and print what happened."""
    for name in ("HF_HUB_OFFLINE", "LINVT_OFFLINE", "HF_TOKEN"):
        os.environ.pop(name, None)
    folder = Path(tempfile.mkdtemp(prefix="linvt-bench-"))
    os.environ["HF_HUB_CACHE"] = str(folder / "hub-cache")
    started = time.perf_counter()
    try:
        with serving() as hub:
            tally = run_randomized(hub, honest_repo(SIZE), folder, runs=runs, seed=seed)
    finally:
        shutil.rmtree(folder)
    per_kill = tally.fetched_again / max(tally.kills, 1)
    print(f"{tally.runs} pulls of {SIZE:,} bytes ended whole, in {tally.starts} starts")
    print(f"{tally.changes} files changed under their commit; {tally.redirects} redirects")
    print(f"{tally.kills} kills; fetched again: {per_kill:,.0f} bytes a kill, faults included")
    print("faults:", ", ".join(f"{kind}: {n}" for kind, n in sorted(tally.faults.items())))
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    main(*(numbers + [200, 0][len(numbers) :]))
