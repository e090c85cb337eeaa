from __future__ import annotations

import pytest

from linvt_cli.doctor.findings import Row, Status, to_record


@pytest.mark.parametrize(
    ("statuses", "healthy"),
    [(["ok", "warning", "skipped"], True), (["ok", "failed"], False), ([], True)],
)
def test_a_machine_is_healthy_unless_a_check_failed(statuses: list[Status], healthy: bool):
    rows = [Row("it", status, "so", None, None, {"a": 1}, 0.1) for status in statuses]
    record = to_record(rows, version="1.2.3")
    assert (record["schema_version"], record["linvt"]) == (1, "1.2.3")
    assert record["healthy"] is healthy
    assert [row["status"] for row in record["checks"]] == statuses
