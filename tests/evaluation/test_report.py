from __future__ import annotations

import json
import math

from linvt_cli.evaluation.report import to_record
from linvt_cli.evaluation.world import WorldBenchmark, WorldReport


def test_the_record_is_strict_json() -> None:
    report = WorldReport()
    report.count("linvt", "first", True)
    text = json.dumps(to_record(report, WorldBenchmark()), allow_nan=False)
    record = json.loads(text)
    assert record["accuracy"] == {"linvt": {"all": 1.0, "first": 1.0}}
    assert record["num_questions"] == {"first": 1}
    assert not any(math.isnan(value) for value in record["accuracy"]["linvt"].values())
