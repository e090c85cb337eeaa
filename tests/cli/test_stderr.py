from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest

from linvt_cli.cli.output import Output, print_error
from linvt_cli.cli.stderr import LastLine, stderr_console, write_to_stderr
from linvt_cli.errors import ConfigError
from tests.cli.processes import FAKE, Outlet, start, start_warm


@contextmanager
def full_disk(monkeypatch) -> Iterator[TextIO]:
    """Let stderr, which buffers lines as Python's own does, lie on a disk that is full."""
    with (
        monkeypatch.context() as patch,
        Path("/dev/full").open("w", encoding="utf-8", buffering=1) as stream,
    ):
        patch.setattr(sys, "stderr", stream)
        yield stream


@contextmanager
def closed_terminal(monkeypatch, *, before: bool) -> Iterator[Outlet]:
    """Let stderr be a terminal, closed ``before`` the block or by it; what fails then leaves."""
    outlet = Outlet("terminal")
    monkeypatch.setenv("TERM", "xterm-256color")
    with monkeypatch.context() as patch, os.fdopen(outlet.inside, "w", encoding="utf-8") as stream:
        patch.setattr(sys, "stderr", stream)
        if before:
            os.close(outlet.outside)
        yield outlet


def test_a_full_disk_loses_a_message_and_nothing_else(monkeypatch):
    with full_disk(monkeypatch) as stderr:
        write_to_stderr("one\n")
        print_error(ConfigError("an error", field="x", hint="a hint"))
        Output().warning("a warning")
        stderr.flush()  # as Python does in the end: nothing is left


def test_what_comes_once_there_is_room_is_written(monkeypatch, tmp_path):
    with full_disk(monkeypatch) as stderr, (tmp_path / "log").open("wb") as room:
        write_to_stderr("lost\n")
        os.dup2(room.fileno(), stderr.fileno())
        write_to_stderr("told\n")
    assert (tmp_path / "log").read_text(encoding="utf-8") == "told\n"


def test_a_terminal_that_was_closed_loses_a_message_and_nothing_else(monkeypatch):
    with closed_terminal(monkeypatch, before=True):
        print_error(ConfigError("an error", field="x"))
        Output().aside("16 frames")
        stderr_console().print("drawn")


@pytest.mark.parametrize(
    "show",
    [
        lambda output: output.progress("Reading"),
        lambda output: output.bar(3),
        lambda output: output.transfer("Pulling", total=3, done=0),
    ],
    ids=["progress", "bar", "transfer"],
)
def test_progress_goes_on_while_its_terminal_is_closed(monkeypatch, show):
    output = Output()
    with closed_terminal(monkeypatch, before=False) as outlet, show(output):
        os.close(outlet.outside)
        output.notice("a notice")


def test_a_failure_of_the_work_is_none_of_its_messages(monkeypatch):
    def work(outlet: Outlet) -> None:
        with Output().progress("Reading"):
            os.close(outlet.outside)
            raise OSError("of the work")

    failing = pytest.raises(OSError, match="of the work")
    with closed_terminal(monkeypatch, before=False) as outlet, failing:
        work(outlet)


def test_a_reader_that_left_is_still_told_from_a_full_disk(monkeypatch):
    outside, inside = os.pipe()
    os.close(outside)
    with os.fdopen(inside, "w", encoding="utf-8") as stream:
        for module, name in ((os, "kill"), (signal, "signal")):  # they would end this process
            monkeypatch.setattr(module, name, lambda *_: None)
        monkeypatch.setattr(sys, "stderr", stream)
        with pytest.raises(BrokenPipeError):
            write_to_stderr("text\n")
        monkeypatch.undo()
        with Path(os.devnull).open("wb") as nothing:  # takes what is left to write
            os.dup2(nothing.fileno(), inside)


@pytest.mark.parametrize("stderr", ["a full disk", "a closed terminal"])
def test_answers_go_on_where_messages_cannot_be_written(video, stderr):
    stdout, terminal = Outlet("pipe"), Outlet("terminal")
    os.close(terminal.outside)
    with Path("/dev/full").open("wb") as full:
        process = start_warm(
            *("ask", "missing.mp4", video, "What?", "--jsonl"),
            stdout=stdout.inside,
            stderr=full.fileno() if stderr == "a full disk" else terminal.inside,
        )
    os.close(stdout.inside)
    os.close(terminal.inside)
    rows = [json.loads(line) for line in stdout.read().splitlines()]
    assert [row["answer"] for row in rows] == [None, "A grey wall."]
    assert process.wait() == 7


def test_the_exit_code_stays_where_python_takes_itself_apart():
    with Path("/dev/full").open("wb") as full:
        process = start("ask", "missing.mp4", "What?", command=FAKE, stderr=full.fileno())
        stdout, _ = process.communicate(timeout=100)
    assert (process.returncode, stdout) == (3, b"")


class Moving:
    """Something that moves, and notes in ``log`` when it begins and stops."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.log = name, log

    def start(self) -> None:
        self.log.append(f"{self.name} moves")

    def stop(self) -> None:
        self.log.append(f"{self.name} rests")

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def test_one_thing_at_a_time_moves_on_the_last_line():
    log: list[str] = []
    last_line = LastLine()
    a, b = Moving("a", log), Moving("b", log)
    with last_line.moves(a), last_line.moves(b), last_line.room():
        log.append("printed")
    with last_line.room():
        log.append("printed")
    inner = ["b moves", "b rests", "printed", "b moves", "b rests"]
    assert log == ["a moves", "a rests", *inner, "a moves", "a rests", "printed"]


def test_what_moved_before_moves_again_after_a_failure():
    log: list[str] = []
    last_line = LastLine()
    a, b = Moving("a", log), Moving("b", log)
    with last_line.moves(a):
        with pytest.raises(KeyError), last_line.moves(b):
            raise KeyError
        assert log[-1] == "a moves"
    assert log[-1] == "a rests"
