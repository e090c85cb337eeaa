from __future__ import annotations

import json
import math
import re
from dataclasses import fields
from pathlib import Path

import pytest

from linvt_cli.evaluation.report import as_table, to_record
from linvt_cli.evaluation.world import Miss, WorldBenchmark, WorldReport

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "evaluation.md"


def report_of(*, questions_per_clip: int) -> WorldReport:
    """400 answers, half of them right; all about one clip are alike."""
    report = WorldReport()
    for number in range(400):
        clip = number // questions_per_clip
        report.count("linvt", "first", clip % 2 == 0, clip=str(clip))
    return report


def width_of_all(report: WorldReport) -> float:
    (row,) = [line for line in as_table(report) if line.startswith("| **all** |")]
    found = re.fullmatch(r"\| \*\*all\*\* \| 400 \| 50\.0 \(([\d.]+) to ([\d.]+)\) \|", row)
    assert found is not None
    return float(found[2]) - float(found[1])


def test_questions_about_one_clip_make_the_tables_interval_wider() -> None:
    """Wilson's interval stood here: 9.8 % wide, however many questions a clip is asked."""
    assert width_of_all(report_of(questions_per_clip=1)) == pytest.approx(9.8, rel=0.15)
    assert width_of_all(report_of(questions_per_clip=4)) == pytest.approx(19.6, rel=0.15)


def test_the_table_is_the_same_every_time() -> None:
    report = report_of(questions_per_clip=4)
    assert list(as_table(report)) == list(as_table(report))


def test_the_record_holds_the_misses_of_all_ways_as_the_reference_says() -> None:
    """The reference spoke of trained LinVT alone, and left two fields out."""
    report = WorldReport()
    for way in ("linvt", "still"):
        report.count(way, "first", False, clip="0")
        report.misses.append(Miss(way, 17, "first", "What first?", "A dog.", "A cat."))
    record = json.loads(json.dumps(to_record(report, WorldBenchmark())))
    assert [miss["way"] for miss in record["misses"]] == ["linvt", "still"]
    names = [field.name for field in fields(Miss)]
    assert all(list(miss) == names for miss in record["misses"])
    (told,) = re.findall(r"`misses` \(([^)]*)\)", REFERENCE.read_text(encoding="utf-8"))
    before, listed = told.split(":", 1)
    assert before == "wrong answers of every way of looking"
    assert re.findall(r"`(\w+)`", listed.split(";")[0]) == names


def test_the_record_is_strict_json() -> None:
    report = WorldReport()
    report.count("linvt", "first", True, clip="0")
    text = json.dumps(to_record(report, WorldBenchmark()), allow_nan=False)
    record = json.loads(text)
    assert record["accuracy"] == {"linvt": {"all": 1.0, "first": 1.0}}
    assert record["num_questions"] == {"first": 1}
    assert record["intervals"] == {"linvt": {"all": [1.0, 1.0], "order and direction": [1.0, 1.0]}}
    assert not any(math.isnan(value) for value in record["accuracy"]["linvt"].values())
