"""Where the time of an answer goes, and what a second question costs as a share of the first.

The first question decodes the video, runs the vision encoder and answers; the second finds all but
the answer done. Both are asked in each round on the same loaded model, and ratios are taken within
a round. Usage: python tests/benchmarks/bench_answer.py [VIDEO [ROUNDS]]
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

import linvt_cli
from linvt_cli import VideoQA
from linvt_cli.pipeline import to_record

DEMO = Path(linvt_cli.__file__).parent / "assets" / "demo.mp4"
FIRST, SECOND = "What happens?", "What happens first?"


def measure(qa: VideoQA, video: str) -> tuple[float, float, dict[str, float]]:
    """Ask two questions; return the seconds of each, and those of the first by its parts."""
    started = time.perf_counter()
    watched = qa.watch(video)
    first = qa.ask(watched, FIRST)
    between = time.perf_counter()
    qa.ask(watched, SECOND)
    ended = time.perf_counter()
    parts = to_record(first)["seconds"]
    assert isinstance(parts, dict)
    return between - started, ended - between, parts


def main() -> None:
    """Measure and print."""
    video = sys.argv[1] if len(sys.argv) > 1 else str(DEMO)
    num_rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    started = time.perf_counter()
    qa = VideoQA.load()
    load_seconds = time.perf_counter() - started
    measure(qa, video)  # the first call of all pays for warming up
    rounds = [measure(qa, video) for _ in range(num_rounds)]

    print(f"{video}: medians of {num_rounds} rounds, model loaded in {load_seconds:.2f} s")
    print(f"first question: {statistics.median(first for first, _, _ in rounds):.3f} s, of which")
    for part in rounds[0][2]:
        share = statistics.median(parts[part] / first for first, _, parts in rounds)
        print(f"  {part:9} {share:6.1%}")
    ratio = statistics.median(second / first for first, second, _ in rounds)
    print(f"second question / first question: {ratio:.2f}")


if __name__ == "__main__":
    main()
