"""What came of a run, as one document: scores with intervals, by category, beside the paper's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from linvt_cli import __version__
from linvt_cli.evaluation.benchmarks import Benchmark
from linvt_cli.evaluation.bootstrap import Estimate, estimate, estimate_value
from linvt_cli.evaluation.items import BrokenItem, Groups, Item, category_of
from linvt_cli.evaluation.judging import BEST_RATING
from linvt_cli.evaluation.paper import differences, reported
from linvt_cli.evaluation.scoring import Verdict

SCHEMA_VERSION = 1
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Scored:
    """A question with its answer and what that is worth."""

    item: Item
    answer: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Failure:
    """A question without a score, and why."""

    id: str
    groups: Groups
    type: str  # class of the error
    message: str
    has_answer: bool = True  # whether the right answer is known; not part of the document

    @classmethod
    def of(cls, broken: BrokenItem) -> Failure:
        """Return the failure of a question that cannot be read."""
        kind = type(broken.error).__name__
        return cls(broken.id, broken.groups, kind, broken.error.message, broken.has_answer)


def to_document(
    benchmark: Benchmark,
    settings: Mapping[str, Any],
    scored: Sequence[Scored],
    failures: Sequence[Failure],
) -> dict[str, Any]:
    """Return the results of a run as plain data for JSON; shares are in [0, 1].

    Args:
        benchmark: that was run.
        settings: model, frames, judge and so on; ``docs/reference/evaluation.md`` lists them.
        scored: answers, in their order.
        failures: questions without a score.
    """
    known = [each for each in scored if each.verdict.score is not None]
    ratings = [each for each in known if each.verdict.rating is not None]
    paper = reported(benchmark.name, subtitles=bool(settings["subtitles"]))
    return {
        "schema_version": SCHEMA_VERSION,
        "linvt": __version__,
        "benchmark": benchmark.name,
        "title": benchmark.title,
        "settings": dict(settings),
        "questions": {
            "asked": len(scored) + len(failures),
            "answered": len(scored),
            "scored": len(known),
            "failed": len(failures),
            "without_option": _without_option(scored),
            "scored_by": _scored_by(known),
        },
        "accuracy": _record(_accuracy(known, benchmark)),
        "averaged_over": benchmark.averaged_over,
        "accuracy_if_failures_are_wrong": _with_failures(known, failures, benchmark),
        "rating": _record(_rating(ratings, benchmark)),
        "best_rating": None if benchmark.judged is None else BEST_RATING.get(benchmark.judged),
        "groups": _by_group(known),
        "paper": None
        if paper is None
        else {
            "accuracy": round(paper.value / 100, _DECIMALS),
            "rating": paper.score,
            "model": paper.model,
            "frames": paper.frames,
            "differences": differences(paper, settings),
        },
        "failures": list(map(_failure_record, failures)),
        "rows": list(map(_row, scored)),
    }


def _without_option(scored: Sequence[Scored]) -> int:
    return sum(
        each.verdict.prediction is None and each.verdict.scored_by == "rule"
        for each in scored
        if each.item.options
    )


def _scored_by(known: Sequence[Scored]) -> dict[str, int]:
    ways = [each.verdict.scored_by for each in known]
    return {way: ways.count(way) for way in ("rule", "words", "embeddings", "judge") if way in ways}


def _accuracy(known: Sequence[Scored], benchmark: Benchmark) -> Estimate:
    return _estimate(known, [_score(each) for each in known], benchmark.averaged_over)


def _rating(rated: Sequence[Scored], benchmark: Benchmark) -> Estimate:
    ratings = [each.verdict.rating or 0.0 for each in rated]
    return _estimate(rated, ratings, benchmark.averaged_over)


def _estimate(
    known: Sequence[Scored], scores: Sequence[float], dimension: str | None = None
) -> Estimate:
    groups = None if dimension is None else [category_of(e.item.groups, dimension) for e in known]
    return estimate(scores, [str(each.item.video) for each in known], groups)


def _score(each: Scored) -> float:
    return 0.0 if each.verdict.score is None else each.verdict.score


def _with_failures(
    known: Sequence[Scored], failures: Sequence[Failure], benchmark: Benchmark
) -> float | None:
    """Return the accuracy if every failed question whose answer is known counted as wrong."""
    failed = [failure for failure in failures if failure.has_answer]
    scores = [*map(_score, known), *(0.0 for _ in failed)]
    over = benchmark.averaged_over
    every = [*(each.item.groups for each in known), *(failure.groups for failure in failed)]
    value = estimate_value(scores, None if over is None else [category_of(g, over) for g in every])
    return _rounded(value)


def _by_group(known: Sequence[Scored]) -> dict[str, dict[str, Any]]:
    members: dict[str, dict[str, list[Scored]]] = {}
    for each in known:
        for dimension, name in each.item.groups:
            members.setdefault(dimension, {}).setdefault(name, []).append(each)
    return {
        dimension: {
            name: _record(_estimate(those, [_score(each) for each in those]))
            for name, those in names.items()
        }
        for dimension, names in members.items()
    }


def _record(result: Estimate) -> dict[str, Any] | None:
    if not result.count:
        return None
    return {
        "value": _rounded(result.value),
        "low": _rounded(result.low),
        "high": _rounded(result.high),
        "count": result.count,
    }


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, _DECIMALS)


def _failure_record(failure: Failure) -> dict[str, Any]:
    record = asdict(failure)
    del record["has_answer"]
    return record


def _row(each: Scored) -> dict[str, Any]:
    return {
        "id": each.item.id,
        "video": str(each.item.video),
        "groups": [list(pair) for pair in each.item.groups],
        "answer": each.answer,
        "prediction": each.verdict.prediction,
        "expected": each.item.expected,
        "score": each.verdict.score,
        "rating": each.verdict.rating,
        "scored_by": each.verdict.scored_by,
    }


def submission(scored: Sequence[Scored]) -> dict[str, int]:
    """Return the file that EgoSchema's server takes: question id -> place of the option.

    A question without an option is left out: the server counts it as wrong.
    """
    return {
        each.item.id: "ABCDE".index(each.verdict.prediction)
        for each in scored
        if each.verdict.prediction is not None
    }
