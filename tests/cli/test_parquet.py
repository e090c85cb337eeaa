from __future__ import annotations

import json

import pytest

from linvt_cli.cli.output import json_text
from linvt_cli.cli.parquet import read_table, write_table
from linvt_cli.pipeline import to_record
from tests.cli.test_row_formats import row

pytest.importorskip("pyarrow")


def test_answers_and_failures_survive_a_table(qa, video, tmp_path):
    answer = {**to_record(qa.ask(video, "What?")), "source": {"digest": "d", "size": 1}}
    answer = {**answer, "settings": "s"}
    lines = [json_text(each).encode() for each in (answer, row(7))]
    write_table(tmp_path / "x.parquet", lines)
    first, second = read_table(tmp_path / "x.parquet")
    assert first == json.loads(lines[0])
    assert second == {**json.loads(lines[1]), "id": "7"}


def test_no_rows_are_a_table_too(tmp_path):
    write_table(tmp_path / "x.parquet", [])
    assert list(read_table(tmp_path / "x.parquet")) == []


def test_many_rows_keep_their_order(tmp_path):
    lines = [json_text(row(number)).encode() for number in range(2500)]
    write_table(tmp_path / "x.parquet", lines)
    ids = [each["id"] for each in read_table(tmp_path / "x.parquet")]
    assert ids == [str(number) for number in range(2500)]
