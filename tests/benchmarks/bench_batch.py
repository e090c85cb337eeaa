"""How much faster a batch is when the next videos are decoded while one is answered.

Each round asks the same question about the same clips twice, models loaded before: decoded ahead by
worker processes, and each in its turn; the order changes from round to round, and ratios are taken
within a round. Answers must be the same. Peak memory is that of this process, after a quarter of
the first round and at the end. Clips are drawn first, in two sizes. Usage:
python tests/benchmarks/bench_batch.py [NUM_CLIPS [ROUNDS]]
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.cli.batch import Batch, BatchVideo, DecodingOptions
from linvt_cli.cli.output import Output
from linvt_cli.cli.watching import Watching
from linvt_cli.video.decode_ahead import usual_workers
from linvt_cli.video.writer import write_video

QUESTION = "What happens?"
SIZES = ((480, 640), (720, 1280))
SECONDS, FPS = 6, 25


def write_clips(folder: Path, count: int) -> list[BatchVideo]:
    """Write H.264 clips of a drifting pattern."""
    videos = []
    for number in range(count):
        height, width = SIZES[number % len(SIZES)]
        ground = np.random.default_rng(number).integers(0, 255, (height // 16, width // 16, 3))
        large = ground.astype(np.uint8).repeat(16, axis=0).repeat(16, axis=1)
        path = folder / f"{number:03}.mp4"
        write_video(path, (np.roll(large, 3 * i, axis=1) for i in range(SECONDS * FPS)), FPS)
        videos.append(BatchVideo(str(path), FrameOptions()))
    return videos


def answers(batch: Batch, videos: list[BatchVideo]) -> list[str]:
    """Ask about every video."""
    given: list[str] = []
    with closing(batch.turns(videos)) as turns:
        for turn in turns:
            if not isinstance(turn.watching, Watching):
                raise turn.watching
            turn.watching.use(
                lambda qa, watched: given.append(qa.ask(watched, QUESTION).text),
                may_repeat=lambda: True,
            )
    return given


def peak_mebibytes() -> float:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    num_rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    # The model takes one core, as it would where another decodes.
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    output, model = Output(quiet=True), ModelOptions("nano", token_cache=0)
    ahead = Batch(model, DecodingOptions(), output)
    in_turn = Batch(model, DecodingOptions(workers=0), output)
    with tempfile.TemporaryDirectory() as folder:
        videos = write_clips(Path(folder), count)
        quarter = videos[: max(1, count // 4)]
        for batch in (ahead, in_turn):
            answers(batch, quarter)  # loads the model and warms up
        peak = peak_mebibytes()
        ratios = []
        for number in range(num_rounds):
            seconds = {}
            given = {}
            order = (ahead, in_turn) if number % 2 else (in_turn, ahead)
            for batch in order:
                began = time.perf_counter()
                given[batch] = answers(batch, videos)
                seconds[batch] = time.perf_counter() - began
            if given[ahead] != given[in_turn]:
                raise SystemExit("the answers differ")
            ratios.append(seconds[in_turn] / seconds[ahead])
    print(f"{count} clips, {num_rounds} rounds, {usual_workers()} decoding, {os.cpu_count()} cores")
    print(f"one after the other / decoded ahead: {statistics.median(ratios):.2f}")
    print(f"peak memory, whole / a quarter of the batch: {peak_mebibytes() / peak:.2f}")


if __name__ == "__main__":
    main()
