"""Nano's world as a benchmark: fresh clips as video files, exact answers, several ways to look.

Each clip is drawn from the test split, which has combinations that training never shows, encoded as
a video file, decoded and asked about as a user would. All ways of condensing get the same frames,
the same visual tokens and the same questions; the ``still`` row sees the middle frame only.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from linvt_cli.config import FrameSampling
from linvt_cli.evaluation.metrics import Tally
from linvt_cli.pipeline import VideoQA, WatchedVideo
from linvt_cli.training.demo import write_clip
from linvt_cli.training.foreign import foreign_clip
from linvt_cli.training.questions import Question, ask_about, normalize_answer
from linvt_cli.training.schedule import HARD, USUAL
from linvt_cli.training.video_data.world import spread_over_kinds
from linvt_cli.training.wordings import FOREIGN_ANSWER
from linvt_cli.training.world import make_clip
from linvt_cli.video.reader import read_frames
from linvt_cli.video.writer import write_video
from linvt_cli.video_tokenizer.baselines import MeanTokenizer
from linvt_cli.video_tokenizer.cluster import ClusterTokenizer

STILL = "still"
_FOREIGN_FRAMES = 32
_FOREIGN_SIZE = (320, 240)
_SEEDS_PER_RUN = 1_000_000  # clips of different seeds never coincide


@dataclass(frozen=True, slots=True)
class WorldBenchmark:
    """How large a run is, and which clips it draws."""

    seed: int = 1
    num_clips: int = 150
    questions_per_clip: int = 5
    num_foreign: int = 24
    hard: bool = False  # longer clips with more things and events
    num_frames: int | None = None  # None: 64 of hard clips, else the model's number


@dataclass(frozen=True, slots=True)
class Miss:
    """One wrong answer."""

    way: str
    clip_seed: int
    kind: str
    question: str
    expected: str
    answer: str


@dataclass(slots=True)
class WorldReport:
    """Scores of every way of looking, by kind of question."""

    tallies: dict[str, dict[str, Tally]] = field(default_factory=dict)
    misses: list[Miss] = field(default_factory=list)

    def count(self, way: str, kind: str, right: bool, *, clip: str) -> None:
        """Add one answer; those about one clip are resampled together for intervals."""
        self.tallies.setdefault(way, {}).setdefault(kind, Tally()).add(right, clip=clip)

    def overall(self, way: str, *, kinds: Sequence[str] | None = None) -> Tally:
        """The tally of a way over some kinds; over all but foreign clips where left out."""
        row = self.tallies.get(way, {})
        chosen = [kind for kind in row if kind != "foreign"] if kinds is None else kinds
        total = Tally()
        for kind in chosen:
            total = total.merged(row.get(kind, Tally()))
        return total


Progress = Callable[[int, int], None]


def evaluate_world(
    ways: dict[str, VideoQA],
    benchmark: WorldBenchmark,
    *,
    on_progress: Progress = lambda done, total: None,
) -> WorldReport:
    """Ask every way of looking the same questions about the same clips.

    Args:
        ways: name -> VideoQA; all over the same backbone. The first also answers ``still``.
        benchmark: size and seed.
        on_progress: called with the clips done and all clips.
    """
    report = WorldReport()
    total = benchmark.num_clips + benchmark.num_foreign
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        for done, (seed, questions) in enumerate(_clips(benchmark, path)):
            for way, qa, watched in _watch(ways, path, benchmark):
                for question in questions:
                    text = qa.ask(watched, question.text).text
                    right = normalize_answer(text) == normalize_answer(question.answer)
                    # By number: a foreign clip has the seed of another clip.
                    report.count(way, question.kind, right, clip=str(done))
                    if not right:
                        report.misses.append(
                            Miss(way, seed, question.kind, question.text, question.answer, text)
                        )
            on_progress(done + 1, total)
    return report


def load_ways(
    model: str, device: str, checkpoint: str | None = None, weights: str | None = None
) -> dict[str, VideoQA]:
    """Load a model with trained LinVT, and the weight-free tokenizers at the same number of tokens.

    All share one backbone. Arguments and errors are those of ``VideoQA.load``.
    """
    linvt = VideoQA.load(
        model, tokenizer="linvt", checkpoint=checkpoint, weights=weights, device=device
    )
    budget = linvt.tokenizer.num_video_tokens or 1
    return {
        "linvt": linvt,
        "mean": VideoQA(linvt.backbone, MeanTokenizer(budget)),
        "cluster": VideoQA(linvt.backbone, ClusterTokenizer(budget)),
    }


def _clips(benchmark: WorldBenchmark, path: Path) -> Iterator[tuple[int, list[Question]]]:
    """Write one clip after the other to a file; yield its seed and questions."""
    first = benchmark.seed * _SEEDS_PER_RUN
    difficulty = HARD if benchmark.hard else USUAL
    for seed in range(first, first + benchmark.num_clips):
        rng = np.random.default_rng([seed, 11])
        clip = make_clip(seed, "test", difficulty)
        write_clip(path, clip)
        yield seed, spread_over_kinds(ask_about(clip, rng), benchmark.questions_per_clip, rng)
    for seed in range(first, first + benchmark.num_foreign):
        rng = np.random.default_rng([seed, 12])
        write_video(path, foreign_clip(seed, "test", _FOREIGN_FRAMES, _FOREIGN_SIZE), fps=8.0)
        asked = ask_about(make_clip(seed, "test", difficulty), rng)
        question = asked[int(rng.integers(len(asked)))]
        yield seed, [Question("foreign", question.text, FOREIGN_ANSWER)]


def _watch(
    ways: dict[str, VideoQA], path: Path, benchmark: WorldBenchmark
) -> Iterator[tuple[str, VideoQA, WatchedVideo]]:
    """Decode and encode once, refine for each way; then look at the middle frame alone."""
    first = next(iter(ways.values()))
    num_frames = benchmark.num_frames or (HARD.num_frames if benchmark.hard else None)
    sampling = FrameSampling(num_frames=num_frames) if num_frames else first.sampling
    frames, features = first.look(read_frames(path, sampling))
    for way, qa in ways.items():
        yield way, qa, qa.refine(str(path), frames, features)
    yield STILL, first, first.watch(path, FrameSampling(num_frames=1))
