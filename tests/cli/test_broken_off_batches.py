"""Batches that are killed, interrupted or held up: no row is lost, doubled or torn."""

from __future__ import annotations

import csv
import itertools
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from linvt_cli.cli.app import run
from linvt_cli.cli.parquet import read_table
from linvt_cli.cli.result_files import ResultFile
from linvt_cli.errors import MachineError
from tests.cli.faults import FAULTS, write_folder
from tests.cli.processes import start_warm
from tests.cli.schema import validate
from tests.cli.test_ask_batch import rows_of
from tests.cli.warm import WarmProcess

LONG = pytest.mark.skipif("LINVT_LONG_TESTS" not in os.environ, reason="takes minutes")


class Processes:
    """Runs linvt with a fake model in processes of their own.

    Not by forking this one: a copy of a process whose threads compute may wait for them for ever.
    What is forked has loaded the libraries and computed nothing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def start(self, arguments: list[str], **variables: str) -> WarmProcess:
        """Begin a run, with environment variables of its own."""
        with (self._folder / "log").open("ab") as log:
            return start_warm(
                *arguments,
                stdout=log.fileno(),
                stderr=log.fileno(),
                folder=self._folder,
                variables={"FAKE_ANSWER": "all that is seen", **variables},
            )


@pytest.fixture
def processes(monkeypatch, tmp_path) -> Processes:
    monkeypatch.chdir(tmp_path)
    return Processes(tmp_path)


def comparable(path: str | Path) -> list[str]:
    """Return the rows of results in any of the forms, sorted, without how long they took."""
    return sorted(
        json.dumps({**row, **{name: None for name in row if name.startswith("seconds")}})
        for row in results_of(Path(path))
    )


def results_of(path: Path) -> list[dict[str, Any]]:
    match path.suffix:
        case ".jsonl":
            return rows_of(path)
        case ".csv":
            with path.open(newline="", encoding="utf-8") as file:
                return list(csv.DictReader(file, strict=True))
    return list(read_table(path))


def workers() -> set[str]:
    """Processes that decode for this test: in its folder, as other tests may run beside it."""
    found = set()
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            is_here = place.with_name("cwd").resolve() == Path.cwd().resolve()
            if is_here and b"decode_worker" in place.read_bytes():
                found.add(place.parent.name)
        except OSError:
            continue
    return found


def has_rows(path: Path, number: int) -> bool:
    return path.exists() and path.read_bytes().count(b"\n") >= number


def wait_for(condition: Callable[[], bool], seconds: float = 300) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("num_clips", "num_kills", "num_workers", "ending"),
    [
        (20, 4, 0, ".jsonl"),
        (20, 2, 1, ".csv"),
        (20, 2, 1, ".parquet"),
        pytest.param(270, 20, 1, ".jsonl", marks=LONG),
        pytest.param(270, 20, 1, ".csv", marks=LONG),
        pytest.param(270, 20, 1, ".parquet", marks=LONG),
    ],
)
@pytest.mark.timeout(3000)
def test_a_run_that_is_killed_and_goes_on_ends_like_one_that_is_not(
    processes, tmp_path, num_clips, num_kills, num_workers, ending
):
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    num_faults = max(len(FAULTS), num_clips // 9)
    write_folder(tmp_path / "in", num_clips, num_faults)
    command = ["ask", "in", "-q", "Who?", "-q", "Why?", "--max-new-tokens", "8", "--model", "nano"]
    command += ["--decode-workers", str(num_workers)]
    whole, out = tmp_path / f"whole{ending}", tmp_path / f"out{ending}"
    began = time.monotonic()
    assert processes.start([*command, "-o", whole.name]).wait() == 7
    duration = time.monotonic() - began
    rows = results_of(whole)
    assert len(rows) == 2 * (num_clips + num_faults)
    check_failures(rows, num_faults)
    for row in rows if ending == ".jsonl" else ():
        validate(row)

    run = partial(processes.start, [*command, "-o", out.name, "--resume"])
    chance = random.Random(num_clips + num_workers)  # noqa: S311
    growing = out.with_name(f"{out.name}.jsonl") if ending == ".parquet" else out
    ends: list[int] = []
    for number in range(num_kills):
        size = len(rows) * (number + 1) // (num_kills + 1)
        process = run()
        ends.append(kill(process, growing, size, chance, duration if number % 4 == 3 else 0.0))
        # A busy machine may let a run end before the signal reaches it; later ones then begin anew.
        assert ends[-1] in (-signal.SIGKILL, 7)
        if growing.exists() and chance.random() < 0.5:  # as if killed in the middle of a row
            growing.write_bytes(growing.read_bytes()[: -chance.randrange(1, 300)])
    assert run().wait() == 7
    assert -signal.SIGKILL in ends
    assert comparable(out) == comparable(whole)
    assert ending != ".parquet" or not growing.exists()
    wait_for(lambda: not workers())


def kill(
    process: WarmProcess, growing: Path, size: int, chance: random.Random, within: float
) -> int:
    """Kill a run at some moment of its first seconds, or else soon after it has written rows.

    Args:
        process: the run.
        growing: the file that rows are appended to.
        size: how many rows are there before it is killed.
        chance: what decides.
        within: seconds of a whole run, for any moment in it; 0 to wait for rows.

    Returns:
        How the process ended.
    """
    if within:
        time.sleep(chance.random() * within)
    else:
        wait_for(lambda: has_rows(growing, size) or process.poll() is not None)
        time.sleep(chance.random() * 0.05)
    process.send_signal(signal.SIGKILL)
    return process.wait()


def check_failures(rows: list[dict[str, Any]], num_faults: int) -> None:
    """Fail unless every fault has two rows that say what it is, in a line, and what to do."""
    if "error.type" in rows[0]:
        failures = [
            {part: row[f"error.{part}"] for part in ("type", "message", "hint")}
            for row in rows
            if row["error.type"]
        ]
    else:
        failures = [row["error"] for row in rows if row["error"] is not None]
    assert len(failures) == 2 * num_faults
    for failure in failures:
        assert all(failure[part] for part in ("type", "message", "hint")), failure
        assert "\n" not in failure["message"] + failure["hint"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.timeout(600)
def test_a_signal_ends_a_run_with_its_rows_kept_and_no_process_left(processes, tmp_path, number):
    write_folder(tmp_path / "in", 60, 0)
    command = ["ask", "in", "Who?", "-o", "out.jsonl", "--decode-workers", "2", "--model", "nano"]
    process = processes.start([*command, "--max-new-tokens", "30"])
    out = tmp_path / "out.jsonl"
    wait_for(partial(has_rows, out, 3))
    process.send_signal(number)
    assert process.wait() == 130
    rows = rows_of(out)
    assert 3 <= len(rows) < 60
    wait_for(lambda: not workers())
    assert "answered, 0 failed in out.jsonl" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.timeout(600)
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
def test_a_signal_does_not_wait_for_a_process_that_hangs(processes, tmp_path, number):
    write_folder(tmp_path / "in", 4, 0)
    command = ["ask", "in", "Who?", "-o", "out.jsonl", "--model", "nano", "--decode-workers", "1"]
    process = processes.start([*command, "--decode-timeout", "100000"])
    wait_for(lambda: len(workers()) == 1)
    os.kill(int(next(iter(workers()))), signal.SIGSTOP)
    process.send_signal(number)
    assert process.wait() == 130
    wait_for(lambda: not workers())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.timeout(600)
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
def test_a_signal_does_not_wait_for_a_model_that_hangs(processes, tmp_path, number):
    write_folder(tmp_path / "in", 4, 0)
    command = ["ask", "in", "Who?", "-o", "out.jsonl", "--model", "nano", "--decode-workers", "1"]
    process = processes.start(command, FAKE_FAULT="hang while answering")
    wait_for(lambda: "hanging" in (tmp_path / "log").read_text())
    process.send_signal(number)
    assert process.wait() == 130
    wait_for(lambda: not workers())


@pytest.mark.timeout(600)
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
def test_a_video_that_hangs_is_a_row_and_the_others_are_answered(processes, tmp_path):
    write_folder(tmp_path / "in", 8, 0)
    command = ["ask", "in", "Who?", "-o", "out.jsonl", "--model", "nano", "--decode-workers", "1"]
    process = processes.start([*command, "--decode-timeout", "5"])
    wait_for(lambda: len(workers()) == 1)
    os.kill(int(next(iter(workers()))), signal.SIGSTOP)  # as if a file made it hang
    assert process.wait() == 7
    errors = [row["error"]["type"] for row in rows_of("out.jsonl") if row["error"]]
    assert errors == ["DecodeTimeoutError"]


@pytest.mark.parametrize("written", [1, 2])
def test_where_a_row_cannot_be_written_the_run_ends_and_no_question_counts(
    processes, loads, video, tmp_path, capsys, monkeypatch, written
):
    shutil.copy(video, tmp_path / "a.mp4")
    shutil.copy(video, tmp_path / "b.mp4")
    usual, calls = ResultFile.append, itertools.count()

    def fill_up(file: ResultFile, record: dict[str, Any]) -> None:
        if next(calls) == written:  # a shorter row would fit again
            raise MachineError("'rows.jsonl' cannot be written: No space left", hint="make room")
        usual(file, record)

    monkeypatch.setattr(ResultFile, "append", fill_up)
    questions = ("-q", "Who?", "-q", "Why?", "-q", "Where?")
    asked = ["ask", "a.mp4", "b.mp4", *questions, "-o", "rows.jsonl", "--model", "nano"]
    assert run([*asked, "--decode-workers", "0"]) == 6
    assert "No space left" in capsys.readouterr().err
    assert [row["error"] for row in rows_of("rows.jsonl")] == [None] * written
    monkeypatch.undo()
