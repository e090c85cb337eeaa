"""Batches that are killed, interrupted or held up: no row is lost, doubled or torn."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from linvt_cli.cli.app import run
from linvt_cli.config import FrameSampling
from linvt_cli.pipeline import VideoQA
from linvt_cli.video_tokenizer.baselines import MeanTokenizer
from tests.cli.faults import FAULTS, write_folder
from tests.cli.schema import validate
from tests.cli.test_ask_batch import rows_of
from tests.fakes import TinyBackbone


class Forked:
    """Runs linvt in copies of this process, which has imported everything already."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def start(self, arguments: list[str]) -> int:
        """Begin a run and return its process."""
        process = os.fork()
        if process == 0:
            descriptor = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(descriptor, 1)
            os.dup2(descriptor, 2)
            sys.stdout = os.fdopen(1, "w")
            sys.stderr = os.fdopen(2, "w")
            code = 99
            try:
                code = run(arguments)
            except BaseException:  # noqa: BLE001 - nothing else could tell of it
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        return process

    def end(self, process: int) -> int:
        """Wait for a run, and return its exit code, below 0 for a signal."""
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


@pytest.fixture
def forked(monkeypatch, tmp_path) -> Forked:
    """Answers depend on all that is seen and asked, so that no row can stand for another."""

    def load(model: str = "nano", **_: Any) -> VideoQA:
        return VideoQA(TinyBackbone(), MeanTokenizer(4), sampling=FrameSampling(num_frames=2))

    monkeypatch.setattr("linvt_cli.pipeline.VideoQA.load", load)
    monkeypatch.chdir(tmp_path)
    return Forked(tmp_path / "log")


def comparable(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps({**row, "seconds": None}, sort_keys=True) for row in rows)


def workers() -> set[str]:
    """Processes that decode."""
    found = set()
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"decode_worker" in place.read_bytes():
                found.add(place.parent.name)
        except OSError:
            continue
    return found


def has_rows(path: Path, number: int) -> bool:
    return path.exists() and path.read_bytes().count(b"\n") >= number


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("num_clips", "num_kills", "num_workers"),
    [(20, 4, 0), (20, 2, 1), pytest.param(270, 20, 1, marks=pytest.mark.slow)],
)
@pytest.mark.timeout(3000)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_run_that_is_killed_and_goes_on_ends_like_one_that_is_not(
    forked, tmp_path, num_clips, num_kills, num_workers
):
    write_folder(tmp_path / "in", num_clips, max(len(FAULTS), num_clips // 9))
    command = ["ask", "in", "-q", "Who?", "-q", "Why?", "--max-new-tokens", "8", "--model", "nano"]
    command += ["--decode-workers", str(num_workers)]
    before = workers()
    assert forked.end(forked.start([*command, "-o", "whole.jsonl"])) == 7
    whole = rows_of("whole.jsonl")
    for row in whole:
        validate(row)
    failures = [row["error"] for row in whole if row["error"] is not None]
    assert len(failures) == 2 * max(len(FAULTS), num_clips // 9)
    assert all(failure["type"] and failure["message"] for failure in failures)

    chance = random.Random(num_clips + num_workers)  # noqa: S311
    out = tmp_path / "out.jsonl"
    out.touch()
    for number in range(num_kills):
        process = forked.start([*command, "-o", "out.jsonl", "--resume"])
        size = len(whole) * (number + 1) // (num_kills + 1)
        wait_for(partial(has_rows, out, size))
        time.sleep(chance.random() * 0.05)
        os.kill(process, signal.SIGKILL)
        assert forked.end(process) == -signal.SIGKILL
        if chance.random() < 0.5:  # as if it had been killed in the middle of a row
            out.write_bytes(out.read_bytes()[: -chance.randrange(1, 300)])
    assert forked.end(forked.start([*command, "-o", "out.jsonl", "--resume"])) == 7
    assert comparable(rows_of(out)) == comparable(whole)
    wait_for(lambda: workers() <= before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.timeout(600)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_signal_ends_a_run_with_its_rows_kept_and_no_process_left(forked, tmp_path, number):
    write_folder(tmp_path / "in", 60, 0)
    before = workers()
    command = ["ask", "in", "Who?", "-o", "out.jsonl", "--decode-workers", "2", "--model", "nano"]
    process = forked.start([*command, "--max-new-tokens", "30"])
    out = tmp_path / "out.jsonl"
    wait_for(partial(has_rows, out, 3))
    os.kill(process, number)
    assert forked.end(process) == 130
    rows = rows_of(out)
    assert 3 <= len(rows) < 60
    wait_for(lambda: workers() <= before, seconds=5)
    assert "answered, 0 failed in out.jsonl" in (tmp_path / "log").read_text()


@pytest.mark.timeout(600)
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
def test_a_video_that_hangs_is_a_row_and_the_others_are_answered(forked, tmp_path):
    write_folder(tmp_path / "in", 8, 0)
    before = workers()
    command = ["ask", "in", "Who?", "-o", "out.jsonl", "--model", "nano", "--decode-workers", "1"]
    process = forked.start([*command, "--decode-timeout", "15"])
    wait_for(lambda: len(workers() - before) == 1)
    os.kill(int(next(iter(workers() - before))), signal.SIGSTOP)  # as if a file made it hang
    assert forked.end(process) == 7
    errors = [row["error"]["type"] for row in rows_of("out.jsonl") if row["error"]]
    assert errors == ["DecodeTimeoutError"]
