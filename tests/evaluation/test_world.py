from __future__ import annotations

import pytest

from linvt_cli.config import FrameSampling
from linvt_cli.evaluation.report import as_table, to_record
from linvt_cli.evaluation.world import STILL, WorldBenchmark, WorldReport, evaluate_world
from linvt_cli.pipeline import VideoQA
from linvt_cli.training.wordings import FOREIGN_ANSWER
from linvt_cli.types import Frames, VisualFeatures
from linvt_cli.video_tokenizer.baselines import AllTokenizer, MeanTokenizer
from tests.fakes import TinyBackbone


def always(answer: str) -> dict[str, VideoQA]:
    backbone = TinyBackbone(answer)
    return {
        "linvt": VideoQA(backbone, AllTokenizer()),
        "mean": VideoQA(backbone, MeanTokenizer(4)),
    }


def test_only_exact_answers_count() -> None:
    size = WorldBenchmark(seed=3, num_clips=2, questions_per_clip=40, num_foreign=1)
    yes = evaluate_world(always("yes"), size)
    for way in ("linvt", "mean", STILL):
        for kind, tally in yes.tallies[way].items():
            if kind in ("exists", "does"):
                assert tally.accuracy == pytest.approx(0.5)
            elif kind != "leaves":
                assert tally.right == 0, kind
    assert {miss.way for miss in yes.misses} == {"linvt", "mean", STILL}


def test_foreign_clips_want_the_honest_answer_and_stay_out_of_the_total() -> None:
    size = WorldBenchmark(seed=3, num_clips=1, questions_per_clip=2, num_foreign=2)
    report = evaluate_world(always(FOREIGN_ANSWER), size)
    assert report.overall("linvt", kinds=("foreign",)).accuracy == 1.0
    assert report.overall("linvt").total == 2
    assert report.overall("linvt").right == 0


def test_answers_about_one_clip_stand_together() -> None:
    """Intervals took each question for a sample of its own."""
    size = WorldBenchmark(seed=3, num_clips=2, questions_per_clip=5, num_foreign=2)
    report = evaluate_world(always("yes"), size)
    for way in ("linvt", "mean", STILL):
        assert sorted(report.overall(way).clips) == ["0"] * 5 + ["1"] * 5
        assert report.tallies[way]["foreign"].clips == ["2", "3"]


def test_all_ways_get_the_same_questions_and_another_seed_gets_others() -> None:
    size = WorldBenchmark(seed=3, num_clips=2, questions_per_clip=5, num_foreign=0)
    report = evaluate_world(always(""), size)
    asked = {
        way: [(m.clip_seed, m.question) for m in report.misses if m.way == way]
        for way in ("linvt", "mean", STILL)
    }
    assert asked["linvt"] == asked["mean"] == asked[STILL]
    assert {len(asked["linvt"])} == {10}  # an empty answer is never right
    assert report.overall("linvt").right == 0
    other = evaluate_world(always(""), WorldBenchmark(4, 2, 5, 0))
    assert {m.clip_seed for m in other.misses}.isdisjoint({m.clip_seed for m in report.misses})


class Counting(TinyBackbone):
    """Notes how many frames it is shown at a time."""

    def __init__(self) -> None:
        super().__init__("six")
        self.shown: list[int] = []

    def encode_frames(self, frames: Frames) -> VisualFeatures:
        self.shown.append(len(frames.times))
        return super().encode_frames(frames)


@pytest.mark.parametrize(
    ("hard", "num_frames", "shown"), [(False, None, 7), (True, None, 64), (True, 9, 9)]
)
def test_hard_clips_are_seen_in_more_frames_and_asked_for_more(hard, num_frames, shown) -> None:
    backbone = Counting()
    qa = VideoQA(backbone, AllTokenizer(), sampling=FrameSampling(num_frames=7))
    report = evaluate_world({"linvt": qa}, WorldBenchmark(3, 1, 99, 0, hard, num_frames))
    assert backbone.shown == [shown, 1]
    assert ({"nth", "events"} <= set(report.tallies["linvt"])) == hard


def test_the_table_has_a_row_for_each_kind_and_the_totals() -> None:
    report = WorldReport()
    for clip, right in enumerate((True, True, False, True)):
        report.count("linvt", "first", right, clip=str(clip))
    report.count("mean", "first", False, clip="0")
    report.count("linvt", "count", True, clip="0")
    report.count("linvt", "foreign", False, clip="4")
    lines = list(as_table(report))
    assert lines[0] == "| question kind | n | linvt | mean |"
    assert "| first | 4 | 75.0 | 0.0 |" in lines
    assert "| count | 1 | 100.0 | - |" in lines
    assert any(line.startswith("| **all** | 5 | 80.0 (") for line in lines)
    assert any(line.startswith("| order and direction | 4 | 75.0 (") for line in lines)
    assert "| foreign clips | 1 | 0.0 | - |" in lines


def test_the_record_gives_settings_scores_and_misses() -> None:
    size = WorldBenchmark(seed=3, num_clips=1, questions_per_clip=3, num_foreign=0)
    report = evaluate_world(always("yes"), size)
    record = to_record(report, size)
    assert record["settings"] == {
        "seed": 3,
        "num_clips": 1,
        "questions_per_clip": 3,
        "num_foreign": 0,
        "hard": False,
        "num_frames": None,
    }
    accuracy = record["accuracy"]
    assert isinstance(accuracy, dict)
    assert set(accuracy) == {"linvt", "mean", STILL}
