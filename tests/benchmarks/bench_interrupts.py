"""How long a batch takes to stop after Ctrl-C or SIGTERM, at many random moments.

For each situation, a batch is started in a process of its own, and a signal is sent at a random
moment after its first row, or after it began to do what the situation is about. Printed are the
median and the longest time until the process is gone, and until no process that decodes is left.
The model is a fake, so that what is measured is linvt and not a matrix product. Usage:
python tests/benchmarks/bench_interrupts.py [TIMES [SITUATION...]]
"""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import torch

from linvt_cli.pipeline.token_file import read_token_file
from linvt_cli.video.writer import write_video
from tests.cli.faults import write_folder
from tests.cli.processes import FAKE, ROOT
from tests.fakes import TinyBackbone

MARK = f"LINVT_BENCHMARK_{os.getpid()}"
NUM_ROWS = 30_000  # of an earlier run, in the situations that are about many rows


@dataclass(frozen=True)
class Situation:
    """What a batch is at when it is interrupted."""

    arguments: tuple[str, ...]
    begun: Callable[[Path], bool]  # given the folder of the run
    span: float  # s in which the signal falls after that
    variables: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[Path], None] = lambda folder: write_folder(folder / "in", 60, 8)
    stops_worker: bool = False


def has_rows(name: str, number: int) -> Callable[[Path], bool]:
    """Return whether a file has so many lines."""
    return lambda folder: (
        (path := folder / name).exists() and (path.read_bytes().count(b"\n") >= number)
    )


def says(text: str) -> Callable[[Path], bool]:
    """Return whether the process has said something."""
    return lambda folder: text in (folder / "log").read_text(errors="replace")


def decodes(_: Path) -> bool:
    """Whether some process decodes."""
    return bool(workers())


def large_videos(folder: Path) -> None:
    """Write a few videos that take seconds to decode."""
    (folder / "in").mkdir()
    ground = np.random.default_rng(0).integers(0, 255, (68, 120, 3)).astype(np.uint8)
    large = ground.repeat(16, axis=0).repeat(16, axis=1)[:1080]
    first = folder / "in" / "0.mp4"
    write_video(first, (np.roll(large, 3 * i, axis=1) for i in range(300)), 30)
    for number in range(1, 6):
        (folder / "in" / f"{number}.mp4").write_bytes(first.read_bytes() + bytes(number))


def videos_4k(folder: Path) -> None:
    """Write a few videos in 4K and HEVC, of which each takes seconds to decode."""
    (folder / "in").mkdir()
    first = folder / "in" / "0.mp4"
    ground = np.random.default_rng(0).integers(0, 255, (68, 120, 3)).astype(np.uint8)
    large = ground.repeat(32, axis=0).repeat(32, axis=1)[:2160]
    options = {"preset": "ultrafast", "x265-params": "log-level=none:keyint=30"}
    with av.open(str(first), mode="w") as container:
        stream = container.add_stream("libx265", rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt = 3840, 2160, "yuv420p"
        for number in range(60):
            pixels = np.ascontiguousarray(np.roll(large, 3 * number, axis=1))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    for number in range(1, 6):
        (folder / "in" / f"{number}.mp4").write_bytes(first.read_bytes() + bytes(number))


def many_rows(folder: Path) -> None:
    """Write a file of results that has many rows already, beside one video without a row."""
    write_folder(folder / "in", 1, 0)
    command = [*FAKE, "ask", "in", "Who?", "--model", "nano", "-o", "one.jsonl"]
    subprocess.run(command, cwd=folder, env=environment({}), check=True, capture_output=True)
    row = json.loads((folder / "one.jsonl").read_bytes())
    with (folder / "out.parquet.jsonl").open("w") as file:
        for number in range(NUM_ROWS):
            row["video"] = f"gone/{number}.mp4"
            row["source"]["digest"] = f"{number:032x}"  # or it were the video's row, renamed
            file.write(json.dumps(row) + "\n")


ASK = ("ask", "in", "Who?", "--model", "nano")
SITUATIONS = {
    "small videos": Situation((*ASK, "-o", "out.jsonl"), has_rows("out.jsonl", 1), 2.0),
    "decoding large videos": Situation(
        (*ASK, "--frames", "128", "-o", "out.jsonl"), decodes, 3.0, prepare=large_videos
    ),
    "decoding 4K HEVC": Situation(
        (*ASK, "--frames", "32", "-o", "out.jsonl"), decodes, 3.0, prepare=videos_4k
    ),
    "token files are written": Situation(
        (*ASK, "-o", "out.jsonl"), has_rows("out.jsonl", 1), 1.0,
        {"LINVT_TOKEN_CACHE": "1024", "LINVT_HOME": "home"},
    ),
    "a worker hangs": Situation(
        (*ASK, "-o", "out.jsonl"), decodes, 2.0, stops_worker=True
    ),
    "the model hangs while it looks": Situation(
        (*ASK, "-o", "out.jsonl"), says("hanging"), 0.5, {"FAKE_FAULT": "hang while looking"}
    ),
    "the model hangs while it answers": Situation(
        (*ASK, "-o", "out.jsonl"), says("hanging"), 0.5, {"FAKE_FAULT": "hang while answering"}
    ),
    "no process decodes": Situation(
        (*ASK, "--frames", "128", "--decode-workers", "0", "-o", "out.jsonl"),
        has_rows("out.jsonl", 1), 3.0, prepare=large_videos,
    ),
    "rows to stdout": Situation((*ASK, "--json"), decodes, 3.0),
    "many rows, as a table": Situation(
        (*ASK, "--resume", "-o", "out.parquet"),
        has_rows("out.parquet.jsonl", NUM_ROWS + 1), 0.5, prepare=many_rows,
    ),
}  # fmt: skip


def environment(variables: dict[str, str]) -> dict[str, str]:
    """Return the environment of a run."""
    return {
        **os.environ, "PYTHONPATH": str(ROOT), "LINVT_TOKEN_CACHE": "0",
        MARK: "1",
        "FAKE_ANSWER": "all that is seen", **variables,
    }  # fmt: skip


def workers() -> set[int]:
    """Return the processes that decode for this benchmark."""
    found = set()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            decodes = b"decode_worker" in (place / "cmdline").read_bytes()
            if decodes and MARK.encode() in (place / "environ").read_bytes():
                found.add(int(place.name))
        except OSError:
            continue
    return found


def wait_for(condition: Callable[[], bool]) -> float:
    """Wait until something is so, and return how long that took."""
    began = time.perf_counter()
    while not condition():
        if time.perf_counter() - began > 900:
            raise SystemExit("waited for a quarter of an hour")
        time.sleep(0.005)
    return time.perf_counter() - began


def interrupted(situation: Situation, source: Path, number: int, delay: float) -> tuple[str, ...]:
    """Run once, and return the exit code with both times as text, for printing as they come."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in source.iterdir():
            if path.is_dir():
                (folder / path.name).symlink_to(path)
            else:
                (folder / path.name).write_bytes(path.read_bytes())
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*FAKE, *situation.arguments], cwd=folder, stdout=log, stderr=log,
                env=environment(situation.variables),
            )  # fmt: skip
        wait_for(lambda: situation.begun(folder) or process.poll() is not None)
        if situation.stops_worker:
            for each in workers():
                os.kill(each, signal.SIGSTOP)
        time.sleep(delay)
        began = time.perf_counter()
        process.send_signal(number)
        code = process.wait()
        gone = time.perf_counter() - began
        wait_for(lambda: not workers())
        rows_whole(folder / "out.jsonl")
        tokens_whole(folder / "home" / "tokens")
        return str(code), f"{gone:.3f}", f"{time.perf_counter() - began:.3f}"


def rows_whole(path: Path) -> None:
    """Check that every line of a file is a row."""
    if path.exists():
        for line in path.read_bytes().splitlines():
            json.loads(line)


def tokens_whole(folder: Path) -> None:
    """Check that every token file can be read."""
    for path in folder.glob("*.linvt"):
        read_token_file(path, TinyBackbone().embed_dim, torch.device("cpu"), torch.float32)


def main() -> None:
    """Measure and print."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    chance = random.Random(times)
    for name in sys.argv[2:] or SITUATIONS:
        situation = SITUATIONS[name]
        with tempfile.TemporaryDirectory() as source:
            situation.prepare(Path(source))
            runs = [
                interrupted(
                    situation,
                    Path(source),
                    signal.SIGTERM if number % 2 else signal.SIGINT,
                    chance.random() * situation.span,
                )
                for number in range(times)
            ]
        stopped = [run for run in runs if run[0] == "130"]  # others were at their end
        print(f"{name}: {len(stopped)} of {times} runs interrupted")
        for column, what in ((1, "process gone"), (2, "no worker left")):
            seconds = [float(run[column]) for run in stopped]
            if seconds:
                middle = statistics.median(seconds)
                print(f"  {what}: median {middle:.2f} s, longest {max(seconds):.2f} s", flush=True)


if __name__ == "__main__":
    main()
