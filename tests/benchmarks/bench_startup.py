"""Time of ``linvt --help`` as a multiple of a bare Typer application's ``--help``.

Runs alternate, so that a busy machine slows all of them alike; the medians of the paired ratios are
printed. Usage: python tests/benchmarks/bench_startup.py [RUNS]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

BARE = """
import typer
app = typer.Typer({options})
@app.command()
def one() -> None: ...
@app.command()
def two() -> None: ...
app()
"""
COMMANDS = {
    "bare Typer": ["-c", BARE.format(options="")],
    "bare Typer, plain help": ["-c", BARE.format(options="rich_markup_mode=None")],
    "linvt": ["-m", "linvt_cli"],
    "nothing (python -c pass)": ["-c", "pass"],
}


def seconds(arguments: list[str]) -> float:
    """Return the wall time of one run."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments, "--help"], check=True, stdout=subprocess.DEVNULL, timeout=60
    )
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    num_runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    runs: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(num_runs):
        for name, arguments in COMMANDS.items():
            runs[name].append(seconds(arguments))
    for name, times in runs.items():
        print(f"{name:26} median {statistics.median(times):.3f} s of {num_runs} runs")
    for bare in ("bare Typer", "bare Typer, plain help"):
        pairs = zip(runs["linvt"], runs[bare], strict=True)
        ratio = statistics.median(ours / theirs for ours, theirs in pairs)
        print(f"linvt --help / {bare} --help: {ratio:.2f} (goal: at most 2)")


if __name__ == "__main__":
    main()
