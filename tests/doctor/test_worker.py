from __future__ import annotations

import pytest

from linvt_cli.doctor.findings import Circumstances
from linvt_cli.doctor.worker import work


def test_a_finding_becomes_json_values():
    assert work("tests.doctor.faults:warn", Circumstances()) == {
        "finding": {
            "message": "not so fine",
            "facts": {},
            "status": "warning",
            "hint": "look at it",
        }
    }


def test_a_failure_becomes_its_class_its_message_and_its_hint():
    assert work("tests.doctor.faults:fail", Circumstances()) == {
        "error": {"type": "OfflineError", "message": "No network", "hint": "leave out --offline"}
    }


def test_anything_else_is_left_to_who_waits():
    with pytest.raises(ImportError):
        work("tests.doctor.faults:break_off", Circumstances())
