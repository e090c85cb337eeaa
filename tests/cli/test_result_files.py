from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import pytest

from linvt_cli.cli.output_files import replace_file
from linvt_cli.cli.result_files import ParquetFile, files_of, open_results
from linvt_cli.errors import ConfigError, DatasetError, MachineError
from tests.cli.test_row_formats import row


def write(
    path: Path, *records: dict[str, Any], resume: bool = False, complete: bool = False
) -> None:
    with open_results(str(path), resume=resume) as file:
        for record in records:
            file.append(record)
        if complete:
            file.complete()


def names(path: Path) -> list[str | None]:
    with open_results(str(path), resume=True) as file:
        return [each.id for each in file.rows]


@pytest.fixture(params=["rows.jsonl", "rows.csv"])
def path(request, tmp_path) -> Path:
    return Path(tmp_path / request.param)


def test_rows_are_in_the_file_as_soon_as_they_are_appended(tmp_path):
    path = tmp_path / "rows.jsonl"
    with open_results(str(path), resume=False) as file:
        file.append(row(1))
        assert json.loads(path.read_text())["id"] == 1


def test_a_row_is_on_the_disk_when_it_is_appended(path, monkeypatch):
    on_disk: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda file: on_disk.append(os.fstat(file).st_size))
    with open_results(str(path), resume=False) as results:
        results.append(row(1))
        assert on_disk[-1] == path.stat().st_size


def test_rows_are_added_when_a_run_goes_on(path):
    write(path, row(1), row(2))
    write(path, row(3), resume=True)
    assert names(path) == ["1", "2", "3"]


def test_a_torn_row_is_cut_off_and_the_next_begins_a_line(path):
    write(path, row(1), row(2))
    path.write_bytes(path.read_bytes()[:-7])
    assert names(path) == ["1"]
    write(path, row(3), resume=True)
    assert names(path) == ["1", "3"]


def test_a_bad_row_in_the_midst_is_refused_and_nothing_is_cut_off(path):
    write(path, row(1), row(2), row(3))
    lines = path.read_bytes().replace(b"sha256:2", b'"sha256:2')
    path.write_bytes(lines)
    with pytest.raises(DatasetError, match=f"of '{path}' is no row"):
        names(path)
    assert path.read_bytes() == lines


def test_a_file_of_something_else_keeps_every_byte(tmp_path):
    path = tmp_path / "notes.jsonl"
    path.write_bytes(b'{"video": "a.mp4", "question": "Who?"}')
    with pytest.raises(DatasetError):
        write(path, row(1), resume=True)
    assert path.read_bytes() == b'{"video": "a.mp4", "question": "Who?"}'


def test_a_torn_head_is_written_anew(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(b"schema_ver")
    write(path, row(1), resume=True)
    assert names(path) == ["1"]


def test_rows_are_dropped_and_the_others_keep_their_bytes(path):
    write(path, row(1), row(2), row(3))
    with open_results(str(path), resume=True) as file:
        second = file.rows[1]
        file.keep([file.rows[0], file.rows[2]])
        file.append(row(4))
    assert second.content not in path.read_bytes()
    assert names(path) == ["1", "3", "4"]
    assert list(path.parent.iterdir()) == [path]


def test_a_link_stays_a_link_and_permissions_stay_as_they_are(path):
    place = path.with_name(f"elsewhere{path.suffix}")
    write(place, row(1), row(2))
    place.chmod(0o600)
    path.symlink_to(place)
    with open_results(str(path), resume=True) as file:
        file.keep(file.rows[:1])
    assert path.is_symlink()
    assert names(place) == ["1"]
    assert place.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_interrupted_while_it_is_replaced_stays_as_it_was(path):
    def write_half(new: Path) -> None:
        new.write_text("half")
        raise KeyboardInterrupt

    path.write_text("whole")
    with pytest.raises(KeyboardInterrupt):
        replace_file(path, write_half)
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_was_replaced_while_this_one_opened_it_is_not_written(path, monkeypatch):
    write(path, row(1))
    usual = os.open

    def slow_open(place: Path, *arguments: int, **named: int) -> int:
        descriptor = usual(place, *arguments, **named)
        if place == path:
            replace_file(place, lambda new: new.write_bytes(b""))
        return descriptor

    monkeypatch.setattr(os, "open", slow_open)
    with pytest.raises(ConfigError, match="Another linvt"):
        write(path, row(2), resume=True)


def test_a_file_of_a_users_own_with_a_like_name_is_left_alone(path):
    write(path, row(1), row(2))
    own = path.with_name(f"{path.name}.new")
    own.write_text("mine")
    with open_results(str(path), resume=True) as file:
        file.keep(file.rows[:1])
    assert own.read_text() == "mine"


def test_results_are_never_written_over(path):
    write(path, row(1))
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="is there already"):
        write(path, row(2))
    assert path.read_bytes() == before
    path.write_bytes(b"")
    write(path, row(2))
    assert names(path) == ["2"]


def test_two_runs_do_not_write_one_file(path):
    with (
        open_results(str(path), resume=True),
        pytest.raises(ConfigError, match="Another linvt"),
        open_results(str(path), resume=True),
    ):
        pass
    write(path, row(1), resume=True)


def test_another_file_is_left_alone(path):
    path.write_text("dear diary\n")
    with pytest.raises(DatasetError, match="is no row"):
        write(path, row(1), resume=True)
    assert path.read_text() == "dear diary\n"


def test_a_full_disk_leaves_whole_rows_and_says_so(path, monkeypatch):
    write(path, row(1))
    usual = os.write
    with open_results(str(path), resume=True) as file:

        def fill_up(descriptor: int, content: bytes) -> int:
            usual(descriptor, bytes(content)[:5])
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "write", fill_up)
        with pytest.raises(MachineError, match="No space left") as caught:
            file.append(row(2))
        assert str(caught.value.hint).endswith("go on later with --resume")
        monkeypatch.undo()
    assert names(path) == ["1"]


def test_the_files_of_results_are_those_that_are_written():
    assert {"in/rows.parquet", "in/rows.parquet.jsonl"} <= set(files_of("in/rows.parquet"))


@pytest.mark.parametrize("name", ["rows.json", "rows", "rows.tsv"])
def test_the_ending_says_how_to_write(name):
    with pytest.raises(ConfigError, match="has no ending"):
        open_results(name, resume=False)


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(MachineError, match="No such file") as caught:
        write(tmp_path / "none" / "rows.jsonl")
    assert caught.value.hint == f"make the folder '{tmp_path / 'none'}', or name another file"


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_in_the_place_of_the_file_is_an_error(tmp_path, suffix, resume):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"rows.{suffix}"
    path.mkdir()
    with pytest.raises(MachineError, match="directory") as caught:
        write(path, resume=resume)
    assert caught.value.hint == f"name a file in it: {path / 'answers.jsonl'}"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_may_not_be_written_says_so(path, monkeypatch):
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(MachineError, match="Permission denied") as caught:
        write(path)
    assert caught.value.hint == "name a file that may be written"


@pytest.mark.parametrize("name", [f"{'x' * 300}.jsonl", f"{'x' * 300}.parquet"])
def test_a_name_that_the_system_cannot_look_at_is_an_error(tmp_path, name):
    with pytest.raises(MachineError, match="File name too long"):
        write(tmp_path / name)


def test_a_table_whose_name_leaves_no_room_for_rows_beside_it_is_an_error(tmp_path):
    path = tmp_path / f"{'x' * 244}.parquet"
    path.touch()
    with pytest.raises(MachineError, match="File name too long"):
        write(path, resume=True)


@pytest.mark.parametrize("size", [0, 10, None])
def test_a_run_that_ended_before_its_first_row_is_not_in_the_way(path, size):
    write(path)
    path.write_bytes(path.read_bytes()[:size])
    write(path, row(1))
    assert names(path) == ["1"]


class TestParquet:
    @pytest.fixture
    def table(self, tmp_path) -> Path:
        pytest.importorskip("pyarrow")
        return Path(tmp_path / "rows.parquet")

    def test_the_table_is_written_in_the_end_and_goes_on(self, table):
        from pyarrow import parquet

        write(table, row(1), row(2, id=None, source=None))
        beside = table.with_name("rows.parquet.jsonl")
        assert beside.exists()
        assert not table.exists()
        write(table, resume=True, complete=True)
        assert not beside.exists()
        write(table, row(3), resume=True, complete=True)
        rows = parquet.read_table(table).to_pylist()
        assert [each["id"] for each in rows] == ["1", None, "3"]
        assert rows[0]["error"]["type"] == "VideoError"
        assert rows[0]["source"] == {"digest": "sha256:1", "size": 1}
        assert rows[1]["source"] is None

    def test_an_end_between_table_and_clean_up_doubles_nothing(self, table):
        write(table, row(1))
        lines = table.with_name("rows.parquet.jsonl").read_bytes()
        write(table, resume=True, complete=True)
        table.with_name("rows.parquet.jsonl").write_bytes(lines)
        write(table, row(2), resume=True, complete=True)
        assert names(table) == ["1", "2"]

    def test_another_table_is_left_alone(self, table):
        import pyarrow as pa
        from pyarrow import parquet

        parquet.write_table(pa.table({"x": [1]}), table)
        with pytest.raises(DatasetError, match="is no table"):
            write(table, resume=True)
        with pytest.raises(ConfigError, match="is there already"):
            write(table)

    def test_without_the_library_an_error_says_what_to_install(self, tmp_path, monkeypatch):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        with (
            pytest.raises(MachineError, match="pyarrow"),
            ParquetFile(tmp_path / "x.parquet", resume=False),
        ):
            pass
