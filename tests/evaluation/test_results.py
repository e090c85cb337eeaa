from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from linvt_cli.evaluation.benchmarks import BENCHMARKS
from linvt_cli.evaluation.items import Item
from linvt_cli.evaluation.results import Failure, Scored, submission, to_document
from linvt_cli.evaluation.scoring import Verdict

SETTINGS = {
    "model": {"backbone": "nano", "tokenizer": "linvt", "checkpoint": "bundled"},
    "frames": 16,
    "by": "letter",
    "split": "dev",
    "subtitles": False,
    "limit": None,
    "categories": [],
    "judge": None,
}


def scored(
    name: str,
    task: str,
    score: float | None,
    *,
    prediction: str | None = "A",
    rating: float | None = None,
    by: str = "rule",
) -> Scored:
    item = Item(name, Path(f"{name}.mp4"), "?", ("x", "y"), 0, groups=(("task", task),))
    return Scored(item, "(A)", Verdict(prediction, score, rating, by))


def mlvu(*scores: float) -> dict[str, Any]:
    """Three questions of one task, one of another; scores in this order."""
    tasks = ("count", "count", "count", "plotQA")
    rows = [
        scored(f"q{number}", task, score)
        for number, (task, score) in enumerate(zip(tasks, scores, strict=True))
    ]
    return to_document(BENCHMARKS["mlvu"], SETTINGS, rows, [])


def test_the_accuracy_of_mlvu_is_the_mean_over_its_tasks():
    document = mlvu(1.0, 0.0, 0.0, 1.0)
    assert document["accuracy"]["value"] == pytest.approx((1 / 3 + 1) / 2, abs=1e-6)
    assert document["groups"]["task"]["count"]["value"] == pytest.approx(1 / 3, abs=1e-6)
    assert document["groups"]["task"]["count"]["count"] == 3
    assert document["paper"]["accuracy"] == 0.689
    assert json.loads(json.dumps(document)) == document


def test_failures_and_answers_without_an_option_are_counted():
    rows = [scored("a", "CH", 1.0), scored("b", "CH", 0.0, prediction=None)]
    failure = Failure("c", (("task", "CH"),), "VideoError", "gone")
    document = to_document(BENCHMARKS["next-qa"], SETTINGS, rows, [failure])
    assert document["questions"] == {
        "asked": 3,
        "answered": 2,
        "scored": 2,
        "failed": 1,
        "without_option": 1,
        "scored_by": {"rule": 2},
    }
    assert document["accuracy"]["value"] == 0.5
    assert document["accuracy_if_failures_are_wrong"] == pytest.approx(1 / 3, abs=1e-6)
    assert document["failures"][0]["message"] == "gone"


def test_failures_whose_right_answer_is_not_public_count_as_nothing():
    rows = [scored("a", "", 1.0), scored("b", "", 1.0)]
    failures = [Failure(f"u{n}", (), "VideoError", "gone", has_answer=False) for n in range(8)]
    document = to_document(BENCHMARKS["egoschema"], SETTINGS, rows, failures)
    assert document["accuracy_if_failures_are_wrong"] == 1.0
    assert document["questions"]["failed"] == 8
    assert set(document["failures"][0]) == {"id", "groups", "type", "message"}
    known = Failure("c", (), "VideoError", "gone")
    document = to_document(BENCHMARKS["egoschema"], SETTINGS, rows, [*failures, known])
    assert document["accuracy_if_failures_are_wrong"] == pytest.approx(2 / 3, abs=1e-6)


def test_a_rating_is_the_mean_of_the_judges():
    rows = [
        scored("a", "x", 1.0, rating=5, by="judge"),
        scored("b", "x", 0.0, rating=2, by="judge"),
    ]
    document = to_document(BENCHMARKS["msvd-qa"], SETTINGS, rows, [])
    assert (document["rating"]["value"], document["best_rating"]) == (3.5, 5)
    assert document["paper"]["rating"] == 4.4


def test_the_rating_of_mlvu_is_the_mean_over_its_tasks_of_the_sums_of_two_scores():
    rows = [
        scored("a", "sub_scene", 0.7, rating=7.0, by="judge"),
        scored("b", "sub_scene", 0.5, rating=5.0, by="judge"),
        scored("c", "summary", 0.4, rating=4.0, by="judge"),
        scored("d", "summary", 0.0, rating=0, by="judge"),  # empty
    ]
    document = to_document(BENCHMARKS["mlvu-generation"], SETTINGS, rows, [])
    assert (document["rating"]["value"], document["best_rating"]) == (4.0, 10)
    assert document["accuracy"]["value"] == pytest.approx(0.4)
    assert document["paper"] is None


def test_hidden_answers_have_no_score_but_a_place_in_the_submission():
    hidden = Item("u", Path("a.mp4"), "?", ("v", "w"))
    rows = [Scored(hidden, "B", Verdict("B", None)), scored("a", "", None, prediction=None)]
    document = to_document(BENCHMARKS["egoschema"], SETTINGS, rows, [])
    assert document["accuracy"] is None
    assert document["questions"]["scored"] == 0
    assert document["accuracy_if_failures_are_wrong"] is None
    assert submission(rows) == {"u": 1}
