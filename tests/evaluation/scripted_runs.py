"""Whole runs of ``linvt evaluate`` in which the model, and the judge, say what a script has."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from linvt_cli.cli.app import run
from tests.evaluation.judge_server import judge_server
from tests.fakes import TinyBackbone

if TYPE_CHECKING:
    from linvt_cli.pipeline import VideoQA


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a sample: what is right, what is said, and what that is worth by hand."""

    group: Any  # as the files of the benchmark have it
    right: Any  # as the files of the benchmark have it
    said: str
    score: float
    judged: str | None = None  # what the judge says; None where it must not be asked
    rating: float | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """A small benchmark with its figures, which are worked out by hand."""

    benchmark: str
    write: Callable[[Path, Path, Sequence[Asked]], None]
    asked: tuple[Asked, ...]  # in the order in which the results have them
    accuracy: float
    groups: Mapping[str, Mapping[str, float]]
    rating: float | None = None
    best_rating: int | None = None
    categories: tuple[str, ...] = ()


class ScriptedBackbone(TinyBackbone):
    """Answers each question with what the script has for it."""

    def __init__(self, said: Mapping[str, str]) -> None:
        super().__init__("")
        self._said = said

    def encode_question(self, question: str) -> list[int]:
        (said,) = [said for asked, said in self._said.items() if asked in question]
        self.answer(said)
        return super().encode_question(question)


def numbered(asked: Sequence[Asked]) -> Iterator[tuple[str, Asked]]:
    """Yield each question with a text that no other one holds."""
    for number, each in enumerate(asked, start=1):
        yield f"Q{number:02}?", each


@pytest.fixture
def results_of(
    tmp_path: Path,
    video: Path,
    qa: VideoQA,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Sample], dict[str, Any]]:
    """Run a sample as the command line does, and return its document of results."""

    def run_sample(sample: Sample) -> dict[str, Any]:
        sample.write(tmp_path, video, sample.asked)
        qa.backbone = ScriptedBackbone({text: each.said for text, each in numbered(sample.asked)})
        monkeypatch.setattr("linvt_cli.pipeline.VideoQA.load", lambda *_, **__: qa)
        command = ["evaluate", sample.benchmark, "--data", str(tmp_path), "--model", "nano"]
        command += [part for name in sample.categories for part in ("--categories", name)]
        # A token of the fake model is a byte: the usual limit would cut its answers off.
        _judged([*command, "--max-new-tokens", "64", "--decode-workers", "0", "--json"], sample)
        return dict(json.loads(capsys.readouterr().out))

    return run_sample


def _judged(command: list[str], sample: Sample) -> None:
    """Run a command, with a judge where the sample needs one."""
    replies = [(200, each.judged) for each in sample.asked if each.judged is not None]
    if not replies:
        assert run(command) == 0
        return
    with judge_server(*replies) as server:
        judge = ["--judge", server.url, "--judge-model", "tiny", "--judge-workers", "1"]
        assert run([*command, *judge]) == 0
    assert len(server.requests) == len(replies)


def assert_figures(document: Mapping[str, Any], sample: Sample) -> None:
    """Compare a document of results with what was worked out by hand, each question first."""
    rows = document["rows"]
    said = [(row["answer"], row["score"], row["rating"]) for row in rows]
    assert said == [(each.said, each.score, each.rating) for each in sample.asked]
    assert document["accuracy"]["value"] == pytest.approx(sample.accuracy, abs=1e-6)
    rating = document["rating"]
    assert (None if rating is None else rating["value"]) == pytest.approx(sample.rating, abs=1e-6)
    assert document["best_rating"] == sample.best_rating
    assert set(document["groups"]) == set(sample.groups)
    for dimension, groups in sample.groups.items():
        found = {name: each["value"] for name, each in document["groups"][dimension].items()}
        assert found == pytest.approx(groups, abs=1e-6), dimension
