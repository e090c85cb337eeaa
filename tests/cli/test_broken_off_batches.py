"""Batches that are killed, interrupted or held up: no row is lost, doubled or torn."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cli.faults import FAULTS, write_folder
from tests.cli.schema import validate
from tests.cli.test_ask_batch import rows_of
from tests.test_architecture import ROOT

LONG = pytest.mark.skipif("LINVT_LONG_TESTS" not in os.environ, reason="takes minutes")


class Processes:
    """Runs linvt with a fake model in processes of their own.

    Not by forking this one: a copy of a process whose threads compute may wait for them for ever.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def start(self, arguments: list[str], **variables: str) -> subprocess.Popen[bytes]:
        """Begin a run, with environment variables of its own."""
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.cli.fake_linvt", *arguments],
                cwd=self._folder,
                stdout=log,
                stderr=log,
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                    "FAKE_ANSWER": "all that is seen",
                    **variables,
                },
            )


@pytest.fixture
def processes(monkeypatch, tmp_path) -> Processes:
    monkeypatch.chdir(tmp_path)
    return Processes(tmp_path)


def comparable(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps({**row, "seconds": None}, sort_keys=True) for row in rows)


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
    ("num_clips", "num_kills", "num_workers"),
    [(20, 4, 0), (20, 2, 1), pytest.param(270, 20, 1, marks=LONG)],
)
@pytest.mark.timeout(3000)
def test_a_run_that_is_killed_and_goes_on_ends_like_one_that_is_not(
    processes, tmp_path, num_clips, num_kills, num_workers
):
    write_folder(tmp_path / "in", num_clips, max(len(FAULTS), num_clips // 9))
    command = ["ask", "in", "-q", "Who?", "-q", "Why?", "--max-new-tokens", "8", "--model", "nano"]
    command += ["--decode-workers", str(num_workers)]
    assert processes.start([*command, "-o", "whole.jsonl"]).wait() == 7
    whole = rows_of("whole.jsonl")
    for row in whole:
        validate(row)
    failures = [row["error"] for row in whole if row["error"] is not None]
    assert len(failures) == 2 * max(len(FAULTS), num_clips // 9)
    for failure in failures:
        assert all(failure[part] for part in ("type", "message", "hint")), failure
        assert "\n" not in failure["message"] + failure["hint"]

    chance = random.Random(num_clips + num_workers)  # noqa: S311
    out = tmp_path / "out.jsonl"
    out.touch()
    ends: list[int] = []
    for number in range(num_kills):
        process = processes.start([*command, "-o", "out.jsonl", "--resume"])
        size = len(whole) * (number + 1) // (num_kills + 1)
        wait_for(partial(has_rows, out, size))
        time.sleep(chance.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        # A busy machine may let a run end before the signal reaches it; later ones then begin anew.
        ends.append(process.wait())
        assert ends[-1] in (-signal.SIGKILL, 7)
        if chance.random() < 0.5:  # as if it had been killed in the middle of a row
            out.write_bytes(out.read_bytes()[: -chance.randrange(1, 300)])
    assert processes.start([*command, "-o", "out.jsonl", "--resume"]).wait() == 7
    assert -signal.SIGKILL in ends
    assert comparable(rows_of(out)) == comparable(whole)
    wait_for(lambda: not workers())


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
    assert process.wait(timeout=300) == 130
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
    assert process.wait(timeout=300) == 130
    wait_for(lambda: not workers())


@pytest.mark.timeout(600)
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
def test_a_video_that_hangs_is_a_row_and_the_others_are_answered(processes, tmp_path):
    write_folder(tmp_path / "in", 8, 0)
    command = ["ask", "in", "Who?", "-o", "out.jsonl", "--model", "nano", "--decode-workers", "1"]
    process = processes.start([*command, "--decode-timeout", "15"])
    wait_for(lambda: len(workers()) == 1)
    os.kill(int(next(iter(workers()))), signal.SIGSTOP)  # as if a file made it hang
    assert process.wait() == 7
    errors = [row["error"]["type"] for row in rows_of("out.jsonl") if row["error"]]
    assert errors == ["DecodeTimeoutError"]
