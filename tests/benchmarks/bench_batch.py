"""How much faster a batch is when the next videos are decoded while one is answered.

The same question about the same clips is asked twice, by turns, models loaded before: decoded ahead
by worker processes, and each in its turn. Clips are taken some at a time, so that both ways see the
same load of the machine; the order changes from round to round, and ratios are taken within a
round. Answers must be the same. After each round, all figures so far are printed, so a run may be
broken off:

- the ratio of wall times, and the processor time that the model and that decoding take for a clip:
  where one is much smaller than the other, there is little to overlap;
- the memory of this process in the last quarter of the clips of a round against that in the first
  quarter, decoded ahead, in the median round.

Every round starts its processes anew, and its first clip cannot be decoded ahead: in a long batch
the ratio is a little better. The model takes as many threads as OMP_NUM_THREADS says, else as it
likes. Set OMP_WAIT_POLICY=PASSIVE, as linvt ask does before torch is loaded; here it comes first.
Clips are drawn first, and found again in --workdir where that is given. Usage:
python tests/benchmarks/bench_batch.py [NUM_CLIPS] [--height 1080] [--seconds 10] [--round 48]
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.cli.batch import Batch, BatchVideo, DecodingOptions
from linvt_cli.cli.output import Output
from linvt_cli.cli.watching import Watching
from linvt_cli.video.decode_ahead import usual_workers
from linvt_cli.video.writer import write_video

QUESTION = "What happens?"
FPS = 25
NUM_DRAWN = 4
_PAGES_PER_MIB = (1 << 20) / os.sysconf("SC_PAGE_SIZE")


@dataclass
class Round:
    """What one way of decoding took for some clips."""

    answers: list[str] = field(default_factory=list)
    seconds: float = 0.0
    own_seconds: float = 0.0  # of processors, by this process
    worker_seconds: float = 0.0  # of processors, by those that decode
    mebibytes: list[float] = field(default_factory=list)  # of this process, before each answer

    @property
    def growth(self) -> float:
        """Memory in the last quarter as a multiple of that in the first; the first clip apart."""
        later = self.mebibytes[1:] or self.mebibytes
        quarter = max(1, len(later) // 4)
        return max(later[-quarter:]) / max(later[:quarter])


def write_clips(folder: Path, count: int, height: int, seconds: float) -> list[BatchVideo]:
    """Write H.264 clips of a drifting pattern, where they are not there yet.

    A few are drawn; the others are copies of them under names of their own.
    """
    videos: list[BatchVideo] = []
    width = height * 16 // 9
    for number in range(count):
        path = folder / f"{height}p-{seconds:g}s-{number:03}.mp4"
        if not path.exists():
            partial = path.with_suffix(".part.mp4")
            if number < NUM_DRAWN:
                ground = np.random.default_rng(number).integers(
                    0, 255, (height // 20, width // 20, 3)
                )
                large = ground.astype(np.uint8).repeat(20, axis=0).repeat(20, axis=1)
                frames = (np.roll(large, 3 * i, axis=1) for i in range(round(seconds * FPS)))
                write_video(partial, frames, FPS)
            else:
                shutil.copy(videos[number % NUM_DRAWN].video, partial)
            partial.replace(path)
        videos.append(BatchVideo(str(path), FrameOptions()))
        say(f"{number + 1} of {count} clips written")
    return videos


def run(batch: Batch, videos: list[BatchVideo]) -> Round:
    """Ask about every video."""
    done = Round()
    began, own, workers = time.perf_counter(), processor_seconds(), worker_seconds()
    with closing(batch.turns(videos)) as turns:
        for turn in turns:
            if not isinstance(turn.watching, Watching):
                raise turn.watching
            done.mebibytes.append(resident_mebibytes())
            turn.watching.use(
                lambda qa, watched: done.answers.append(qa.ask(watched, QUESTION).text),
                may_repeat=lambda: True,
            )
    done.seconds = time.perf_counter() - began
    done.own_seconds = processor_seconds() - own
    done.worker_seconds = worker_seconds() - workers  # all have ended
    return done


def processor_seconds() -> float:
    """Return the processor time of this process."""
    return time.process_time()


def worker_seconds() -> float:
    """Return the processor time of all processes that this one started and that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def resident_mebibytes() -> float:
    """Return the memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) / _PAGES_PER_MIB


def say(text: str) -> None:
    """Show how far it is, on stderr."""
    sys.stderr.write(f"\r\x1b[2K{text}")
    sys.stderr.flush()


def report(ahead: list[Round], in_turn: list[Round]) -> None:
    """Print all figures so far."""
    ratios = [two.seconds / one.seconds for one, two in zip(ahead, in_turn, strict=True)]
    clips = sum(len(each.answers) for each in ahead)
    own = sum(each.own_seconds for each in ahead) / clips
    workers = sum(each.worker_seconds for each in ahead) / clips
    growth = statistics.median(each.growth for each in ahead)
    overall = sum(each.seconds for each in in_turn) / sum(each.seconds for each in ahead)
    say("")
    print(
        f"{clips} clips: one after the other / decoded ahead {overall:.2f}"
        f" (median of rounds {statistics.median(ratios):.2f},"
        f" {min(ratios):.2f} to {max(ratios):.2f});"
        f" processor time of a clip: model {own:.2f} s, decoding {workers:.2f} s;"
        f" memory, last / first quarter: {growth:.2f} ({max(ahead[-1].mebibytes):.0f} MiB)",
        flush=True,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("num_clips", nargs="?", type=int, default=96)
    parser.add_argument("--height", type=int, default=1080)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--round", dest="clips_a_round", type=int, default=48)
    parser.add_argument("--workdir", type=Path)
    chosen = parser.parse_args()
    import torch

    if "OMP_NUM_THREADS" in os.environ:
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    output, model = Output(quiet=True), ModelOptions("nano", token_cache=0)
    ways = {
        "decoded ahead": Batch(model, DecodingOptions(), output),
        "one after the other": Batch(model, DecodingOptions(workers=0), output),
    }
    rounds: dict[str, list[Round]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.workdir or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        videos = write_clips(folder, chosen.num_clips, chosen.height, chosen.seconds)
        print(
            f"{chosen.height}p, {chosen.seconds:g} s, {usual_workers()} decoding,"
            f" {torch.get_num_threads()} threads of the model, {os.cpu_count()} cores"
        )
        for name, batch in ways.items():
            say(f"warming up: {name}")
            run(batch, videos[:1])
        size = chosen.clips_a_round
        for start in range(0, len(videos), size):
            for name in sorted(ways, reverse=bool(start // size % 2)):
                say(f"clips {start + 1} to {start + size}: {name}")
                rounds[name].append(run(ways[name], videos[start : start + size]))
            ahead, in_turn = rounds["decoded ahead"], rounds["one after the other"]
            if ahead[-1].answers != in_turn[-1].answers:
                raise SystemExit("the answers differ")
            report(ahead, in_turn)


if __name__ == "__main__":
    main()
