"""What ten questions about a video cost, and what a later process pays for the first of its own.

Each round watches the video and asks one question, and watches it and asks ten; ratios are taken
within a round, with the model loaded before, once in wall time and once in CPU time, which other
programs on the machine disturb less. Then two processes, one after the other, take up the video
with an empty cache: the second finds what the first has kept. Usage:
python tests/benchmarks/bench_questions.py [VIDEO [ROUNDS]]
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import linvt_cli
from linvt_cli import VideoQA
from linvt_cli.pipeline import TokenCache

DEMO = Path(linvt_cli.__file__).parent / "assets" / "demo.mp4"
QUESTIONS = (
    "What happens?",
    "What happens first?",
    "What happens last?",
    "What colour is the background?",
    "How many things are there?",
    "Is there a dog?",
    "Describe this video.",
    "What is on the left?",
    "Which way does it move?",
    "What arrives?",
)
TAKE_UP = "--take-up"  # how this script calls itself


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of some work."""

    wall: float
    cpu: float


def measured(work: Callable[[], object]) -> Cost:
    """Do some work and return what it cost."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


def ask_in_rounds(video: str, num_rounds: int) -> None:
    """Print what ten questions cost as a multiple of one."""
    qa = VideoQA.load("nano", device="cpu")
    watched = qa.watch(video)
    works: dict[str, Callable[[], object]] = {
        "watch": lambda: qa.watch(video),
        "one": lambda: qa.ask(watched, QUESTIONS[0]),
        "ten together": lambda: qa.ask_many(watched, QUESTIONS),
        "ten one by one": lambda: [qa.ask(watched, question) for question in QUESTIONS],
    }
    for work in works.values():  # the first call of all pays for warming up
        work()
    rounds = [{name: measured(work) for name, work in works.items()} for _ in range(num_rounds)]
    print(f"{video}: medians of {num_rounds} rounds, wall time (CPU time)")
    for name in works:
        wall = statistics.median(each[name].wall for each in rounds)
        cpu = statistics.median(each[name].cpu for each in rounds)
        print(f"  {name:15} {wall:7.3f} s ({cpu:.3f} s)")
    for name in ("ten together", "ten one by one"):
        for before, also in (("video watched, then", ("watch",)), ("answers alone,", ())):
            wall, cpu = (
                median_ratio(rounds, kind, (*also, name), (*also, "one"))
                for kind in ("wall", "cpu")
            )
            print(f"  {before} {name} / one: {wall:.2f} ({cpu:.2f})")


def median_ratio(
    rounds: Sequence[dict[str, Cost]], kind: str, many: Sequence[str], one: Sequence[str]
) -> float:
    """Return what some works cost together as a multiple of others, in the median round."""
    ratios: list[float] = [
        sum(getattr(each[name], kind) for name in many)
        / sum(getattr(each[name], kind) for name in one)
        for each in rounds
    ]
    return statistics.median(ratios)


def take_up(video: str) -> None:
    """Load a model and watch a video with a cache; print what that cost as JSON."""
    qa = VideoQA.load("nano", device="cpu", token_cache=TokenCache())
    cost = measured(lambda: qa.watch(video))
    cached = qa.watch(video).cached
    print(json.dumps({"wall": cost.wall, "cpu": cost.cpu, "cached": cached}))


def ask_in_two_processes(video: str) -> None:
    """Print what the second process pays for a video as a share of what the first paid."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "LINVT_HOME": home}
        first, second = (
            json.loads(
                subprocess.run(
                    [sys.executable, __file__, TAKE_UP, video],
                    env=environment,
                    check=True,
                    capture_output=True,
                ).stdout
            )
            for _ in range(2)
        )
    print("a second process takes the video up, as a share of the first:", end=" ")
    print(f"{second['wall'] / first['wall']:.1%} ({second['cpu'] / first['cpu']:.1%})")


def main() -> None:
    """Measure and print."""
    arguments = sys.argv[1:]
    if arguments[:1] == [TAKE_UP]:
        take_up(arguments[1])
        return
    video = arguments[0] if arguments else str(DEMO)
    ask_in_rounds(video, int(arguments[1]) if len(arguments) > 1 else 5)
    ask_in_two_processes(video)


if __name__ == "__main__":
    main()
