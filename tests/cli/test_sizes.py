from __future__ import annotations

import time

import pytest

from linvt_cli.cli.sizes import bytes_text, count_text, date_text, parameters_text, table


@pytest.mark.parametrize(
    ("parameters", "text"), [(5_400_000, "5.4M"), (999_900_000, "999.9M"), (7_620_000_000, "7.6B")]
)
def test_parameters_are_said_in_millions_and_billions(parameters, text):
    assert parameters_text(parameters) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (4 << 30, "4.0 GiB"),
        (1 << 52, "4096.0 TiB"),
    ],
)
def test_bytes_are_said_in_powers_of_1024(number, text):
    assert bytes_text(number) == text


def test_one_thing_is_said_otherwise_than_many():
    assert count_text(1, "line") == "1 line"
    assert [count_text(number, "entry", "entries") for number in (0, 2000)] == [
        "0 entries",
        "2,000 entries",
    ]


def test_a_day_of_the_users_time_zone_is_said_or_that_there_was_none(monkeypatch):
    assert date_text(None) == "never"
    for zone, day in (("UTC0", "2026-09-21"), ("AAA-12", "2026-09-22")):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        assert date_text(1_790_000_000.0) == day
    monkeypatch.undo()
    time.tzset()


def test_columns_line_up_and_lines_end_with_their_text():
    assert table([("A", "LONG", "Z"), ("bbb", "c", "")]) == ["A    LONG  Z", "bbb  c"]
