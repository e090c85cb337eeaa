"""What it saves that pictures and short videos share a batch of the vision encoder.

Pictures of one size, all decoded before, are asked about as ``linvt ask`` does for a folder: looked
at as many at once as a batch takes, and each alone. By turns, in several rounds; ratios are taken
within a round. Usage: python tests/benchmarks/bench_pictures.py [NUM_PICTURES] [ROUNDS]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import linvt_cli
from linvt_cli import VideoQA
from linvt_cli.config import FRAMES_PER_BATCH, FrameSampling
from linvt_cli.types import Frames, VisualFeatures
from linvt_cli.video.reader import read_frames

DEMO = Path(linvt_cli.__file__).parent / "assets" / "demo.mp4"
QUESTION = "What do you see?"


def pictures(count: int) -> list[Frames]:
    """Return so many pictures: frames of the shipped clip, again and again."""
    frames = read_frames(DEMO, FrameSampling(num_frames=16))
    return [
        replace(frames, pixels=frames.pixels[i : i + 1], times=frames.times[i : i + 1])
        for number in range(count)
        for i in [number % len(frames.times)]
    ]


Look = Callable[[VideoQA, Sequence[Frames]], list[tuple[Frames, VisualFeatures]]]


def look_together(qa: VideoQA, videos: Sequence[Frames]) -> list[tuple[Frames, VisualFeatures]]:
    """Look at as many as fill a batch."""
    return [
        seen
        for start in range(0, len(videos), FRAMES_PER_BATCH)
        for seen in qa.look_together(videos[start : start + FRAMES_PER_BATCH])
    ]


def look_alone(qa: VideoQA, videos: Sequence[Frames]) -> list[tuple[Frames, VisualFeatures]]:
    """Look at one after the other."""
    return [qa.look(frames) for frames in videos]


def measured(qa: VideoQA, look: Look, videos: Sequence[Frames]) -> tuple[float, float]:
    """Return the seconds of the vision encoder, and those with answers."""
    began = time.perf_counter()
    seen = look(qa, videos)
    looked = time.perf_counter() - began
    for frames, features in seen:
        qa.ask(qa.refine("picture", frames, features), QUESTION)
    return looked, time.perf_counter() - began


def main(count: int, rounds: int) -> None:
    """Measure and print."""
    qa = VideoQA.load("nano")
    videos = pictures(count)
    ratios: list[tuple[float, float]] = []
    for number in range(rounds + 1):
        ways = (look_together, look_alone) if number % 2 else (look_alone, look_together)
        seconds = {way: measured(qa, way, videos) for way in ways}
        alone, together = seconds[look_alone], seconds[look_together]
        if number:  # the first round warms up
            ratios.append((alone[0] / together[0], alone[1] / together[1]))
    for name, values in zip(
        ("vision", "vision and answers"), zip(*ratios, strict=True), strict=True
    ):
        print(
            f"{count} pictures, {name}: each alone / {FRAMES_PER_BATCH} at once"
            f" {statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
        )


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    main(*(numbers + [64, 6][len(numbers) :]))
