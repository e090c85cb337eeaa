"""How well a timeline tells the events of clips of nano's world, whose times are known.

Two things are counted apart: events with a segment that begins and ends within the tolerance, and
events that are named by the text of such a segment. The first is what finding segments achieves
alone, the second what the whole does.

Usage:
    python tests/benchmarks/bench_timeline.py [--workdir DIR] [--clips N] [--split S] [--scan-only]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from linvt_cli.config import FrameSampling, TimelineConfig
from linvt_cli.pipeline import VideoQA
from linvt_cli.pipeline.timeline import MAX_SEGMENTS, Segment, describe_video
from linvt_cli.training.demo import write_clip
from linvt_cli.training.questions import normalize_answer
from linvt_cli.training.vocabulary import predicate
from linvt_cli.training.world import Clip, Event, make_clip
from linvt_cli.video.spans import find_spans

TOLERANCE = 0.75  # s


@dataclass
class Count:
    """What was counted over all clips."""

    events: int = 0
    timed: int = 0  # in a segment with both ends within the tolerance
    named: int = 0  # by the text of such a segment
    named_whole: int = 0  # by the description of the whole clip
    segments: int = 0

    def __str__(self) -> str:
        shares = (
            f"{name} {part}/{self.events} = {part / self.events:.0%}"
            for name, part in (
                ("right times", self.timed),
                ("right times and named", self.named),
                ("named in the whole", self.named_whole),
            )
        )
        return f"{' · '.join(shares)} · {self.segments} segments"


def clip_file(folder: Path, seed: int, split: str) -> tuple[Clip, Path]:
    """Draw a clip; write it unless it is there."""
    assert split in ("validation", "test")
    clip = make_clip(seed, "test" if split == "test" else "validation")
    path = folder / f"{split}-{seed}.mp4"
    if not path.exists():
        write_clip(path, clip)
    return clip, path


def clause(clip: Clip, event: Event) -> str:
    """What happens, in the words of nano's world."""
    thing = clip.things[event.thing].phrase
    return normalize_answer(f"{thing} {predicate(event.action, event.direction)}")


def fits(clip: Clip, event: Event, start: float, end: float) -> bool:
    """Whether both ends of a segment are near those of an event."""
    begins, ends = event.start * clip.duration, event.end * clip.duration
    return abs(start - begins) <= TOLERANCE and abs(end - ends) <= TOLERANCE


def count_clip(clip: Clip, segments: list[Segment], whole: str, count: Count) -> None:
    """Add one clip, and print what went wrong in it."""
    count.segments += len(segments)
    for event in clip.events:
        near = [one for one in segments if fits(clip, event, one.start, one.end)]
        told = clause(clip, event)
        named = any(told in normalize_answer(one.text or "") for one in near)
        count.events += 1
        count.timed += bool(near)
        count.named += named
        count.named_whole += told in normalize_answer(whole)
        if not named:
            said = [f"{one.start:.2f}-{one.end:.2f} {one.text}" for one in near or segments]
            times = f"{event.start * clip.duration:.2f}-{event.end * clip.duration:.2f}"
            print(f"  {clip.split} {clip.seed}: {times} {told}; got {said}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--workdir",
        type=Path,
        default=Path(tempfile.gettempdir()) / "linvt-benchmarks",
        help="where clips are kept",
    )
    parser.add_argument("--clips", type=int, default=30)
    parser.add_argument("--split", choices=["validation", "test"], default="test")
    parser.add_argument("--first", type=int, default=0, help="seed of the first clip")
    parser.add_argument("--scan-only", action="store_true", help="find segments, name nothing")
    asked = parser.parse_args()
    asked.workdir.mkdir(parents=True, exist_ok=True)
    qa = None if asked.scan_only else VideoQA.load("nano", device="cpu")
    count = Count()
    for seed in range(asked.first, asked.first + asked.clips):
        clip, path = clip_file(asked.workdir, seed, asked.split)
        if qa is None:
            spans = find_spans(path, FrameSampling(), MAX_SEGMENTS["medium"])
            count_clip(clip, [Segment(one.start, one.end, None) for one in spans], "", count)
        else:
            description = describe_video(qa, qa.watch(path), TimelineConfig(), qa.sampling)
            count_clip(clip, list(description.timeline), description.answer.text, count)
        print(f"{seed - asked.first + 1} clips: {count}", file=sys.stderr, flush=True)
    print(count)


if __name__ == "__main__":
    main()
