from __future__ import annotations

from pathlib import Path

import pytest

from linvt_cli.errors import DatasetError
from linvt_cli.evaluation.data_files import (
    csv_rows,
    find_file,
    find_parts,
    json_rows,
    json_table,
    parquet_rows,
)
from tests.evaluation import samples


def test_a_missing_file_or_folder_is_an_error_that_names_it(tmp_path):
    with pytest.raises(DatasetError, match="There is no folder"):
        find_file(tmp_path / "none", "a.json")
    with pytest.raises(DatasetError, match=r"has no file 'a\.json' or 'b/a\.json'"):
        find_file(tmp_path, "a.json", "b/a.json")


@pytest.mark.parametrize("content", ["{", "{}", "[1]", '"x"'])
def test_json_that_is_no_list_of_objects_is_an_error(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(DatasetError, match=r"a\.json' is no JSON"):
        list(json_rows(path))


def test_json_that_is_no_object_is_an_error(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("[]")
    with pytest.raises(DatasetError, match="is no JSON object"):
        json_table(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DatasetError, match="cannot be read: it is not UTF-8"):
        json_table(path)


def test_tables_without_a_column_are_errors_that_name_it(tmp_path):
    (tmp_path / "a.csv").write_text("video,question\n1,x\n")
    with pytest.raises(DatasetError, match="has no column 'answer'"):
        list(csv_rows(tmp_path / "a.csv", ("video", "answer")))
    samples.write_parquet(tmp_path / "a.parquet", [{"video": "1"}])
    with pytest.raises(DatasetError, match="has no column 'answer'"):
        list(parquet_rows([tmp_path / "a.parquet"], ("answer",)))
    (tmp_path / "b.parquet").write_bytes(b"PAR1 no table")
    with pytest.raises(DatasetError, match="is no Parquet file"):
        list(parquet_rows([tmp_path / "b.parquet"], ()))


def test_a_table_in_parts_is_read_whole_without_what_nobody_asks_for(tmp_path):
    for number in (1, 2):
        row = {"video": str(number), "bytes": b"a whole video", "answer": None}
        samples.write_parquet(tmp_path / f"test-0000{number - 1}-of-00002.parquet", [row])
    parts = find_parts(tmp_path, "none-*.parquet", "test-*.parquet")
    rows = list(parquet_rows(parts, ("video",), ("answer", "type")))
    assert [dict(row.values) for row in rows] == [
        {"video": "1", "answer": None}, {"video": "2", "answer": None},
    ]  # fmt: skip
    assert [row.file for row in rows] == list(parts)


def test_a_missing_part_of_a_table_is_an_error(tmp_path):
    samples.write_parquet(tmp_path / "test-00001-of-00003.parquet", [{"video": "1"}])
    with pytest.raises(DatasetError, match="has 1 of the 3 parts of a table"):
        find_file(tmp_path, "test-*.parquet")


def test_a_table_with_tabs_takes_quotation_marks_as_they_are(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('question\tanswer\r\nwho is "he\tbob\r\n')
    (row,) = csv_rows(path, ("question",), tabs=True)
    assert row.values == {"question": 'who is "he', "answer": "bob"}


def test_a_field_that_never_ends_is_an_error(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('question\n"' + "x" * 200_000)
    with pytest.raises(DatasetError, match=r"a\.csv' is no CSV file: field larger than"):
        list(csv_rows(path, ("question",)))


@pytest.mark.parametrize("asked", ["is_dir", "is_file"])
def test_a_folder_that_may_not_be_read_is_an_error(tmp_path, monkeypatch, asked):
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "a.csv").touch()
    monkeypatch.setattr(Path, asked, refuse)
    with pytest.raises(DatasetError, match="cannot be read: Permission denied"):
        find_file(tmp_path, "*.csv")
