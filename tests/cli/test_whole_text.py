from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from linvt_cli.cli.interrupts import GRACE_SECONDS
from linvt_cli.cli.output import Output
from linvt_cli.cli.whole_text import PIECE, WholeText
from tests.cli.faults import write_folder
from tests.cli.processes import start_warm
from tests.cli.schema import validate
from tests.cli.test_broken_off_batches import wait_for
from tests.cli.warm import WarmProcess

TEXT = "0123456789" * PIECE  # ten pieces


def test_a_text_is_printed_in_pieces_to_its_end():
    pieces: list[str] = []
    WholeText(pieces.append).print(lambda: TEXT)
    assert "".join(pieces) == TEXT
    assert {len(piece) for piece in pieces} == {PIECE}


def test_the_first_signal_waits_for_the_end_and_the_second_does_not():
    pieces: list[str] = []

    def interrupted_once(piece: str) -> None:
        pieces.append(piece)
        if len(pieces) == 1:
            signal.raise_signal(signal.SIGINT)

    def interrupted(piece: str) -> None:
        pieces.append(piece)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        WholeText(interrupted_once).print(lambda: TEXT)
    assert "".join(pieces) == TEXT
    pieces.clear()
    with pytest.raises(KeyboardInterrupt):
        WholeText(interrupted).print(lambda: TEXT)
    assert len(pieces) == 2
    with pytest.raises(KeyboardInterrupt):  # as before
        signal.raise_signal(signal.SIGINT)


def test_what_another_thread_prints_is_awaited_while_somebody_reads():
    taken, going_on = threading.Semaphore(0), threading.Event()
    pieces: list[str] = []

    def write(piece: str) -> None:
        pieces.append(piece)
        going_on.set()
        taken.acquire()

    def read_on() -> None:
        for _ in range(10):
            taken.release()

    whole = WholeText(write, stall=60)
    printing = threading.Thread(target=whole.print, args=(lambda: TEXT,))
    printing.start()
    assert going_on.wait(60)
    reading = threading.Timer(0.1, read_on)
    reading.start()
    whole.print_last(lambda: pieces.append("the last"))
    printing.join()
    reading.join()
    assert pieces[-1] == "the last"
    assert "".join(pieces[:-1]) == TEXT


def test_nobody_is_awaited_who_takes_nothing():
    going_on, taken = threading.Event(), threading.Event()

    def write(_: str) -> None:
        going_on.set()
        taken.wait()

    whole = WholeText(write, stall=0.05)
    printing = threading.Thread(target=whole.print, args=(lambda: TEXT,))
    printing.start()
    assert going_on.wait(60)
    done: list[str] = []
    whole.print_last(lambda: done.append("the last"))
    assert done == []
    taken.set()
    printing.join()


def test_nothing_is_printed_after_the_last(capsys):
    output = Output("json")
    output.record({"a": 1})
    output.save(as_list=True)
    assert json.loads(capsys.readouterr().out) == [{"a": 1}]
    output.record({"a": 2})
    output.finish(as_list=True, may_be_empty=True)
    assert capsys.readouterr().out == ""


def ask(folder: Path, *arguments: str, stdout: int, **variables: str) -> WarmProcess:
    with (folder / "log").open("wb") as log:
        return start_warm(
            *("ask", *arguments, "--json", "--model", "nano", "--decode-workers", "0"),
            stdout=stdout,
            stderr=log.fileno(),
            folder=folder,
            variables=variables,
        )


def end_once_it_hangs(folder: Path, *arguments: str, number: int) -> list[dict[str, Any]]:
    """Return what is printed by a command that is ended while a call in C hangs."""
    with (folder / "out").open("wb") as out:
        process = ask(folder, *arguments, stdout=out.fileno(), FAKE_FAULT="hang for ever")
    wait_for(lambda: b"hanging" in (folder / "log").read_bytes())
    process.send_signal(number)
    assert process.wait() == 130
    rows: list[dict[str, Any]] = json.loads((folder / "out").read_bytes())
    for row in rows:
        validate(row)
    return rows


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_rows_that_are_done_are_a_document_where_a_batch_hangs(tmp_path, number):
    write_folder(tmp_path / "in", 3, 0)
    asked = [("000", "Who?"), ("001", "Why?"), ("002", "And for ever?")]
    rows = [{"video": f"in/clip{name}.mp4", "question": question} for name, question in asked]
    (tmp_path / "list.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    done = end_once_it_hangs(tmp_path, "--from", "list.jsonl", number=number)
    assert [row["question"] for row in done] == ["Who?", "Why?"]


def test_answers_that_are_done_are_a_document_where_the_next_hangs(tmp_path, video):
    asked = [str(video), "Is it?", "-q", "And for ever?", "--yes-no"]
    done = end_once_it_hangs(tmp_path, *asked, number=signal.SIGINT)
    assert [row["question"] for row in done] == ["Is it?"]


@pytest.fixture
def narrow_pipe():
    """The ends of a pipe that takes less than a document."""
    outside, inside = os.pipe()
    if fcntl.fcntl(outside, fcntl.F_SETPIPE_SZ, PIECE) > PIECE:
        pytest.skip("pages are so large here that a pipe takes a whole document")
    with os.fdopen(outside, "rb", 0) as reader, os.fdopen(inside, "wb", 0) as writer:
        yield reader, writer


@pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="needs a narrow pipe")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_document_that_is_being_printed_is_printed_to_its_end(tmp_path, narrow_pipe, number):
    process, reader = start_printing(tmp_path, *narrow_pipe)
    process.send_signal(number)
    time.sleep(GRACE_SECONDS + 0.5)  # a slow reader
    rows = json.loads(reader.read())
    assert [row["question"] for row in rows] == ["Who?", *"abcdefgh"] * 2
    assert process.wait() == 130


@pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="needs a narrow pipe")
def test_a_reader_that_takes_nothing_holds_up_no_end(tmp_path, narrow_pipe):
    process, _ = start_printing(tmp_path, *narrow_pipe)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130


def start_printing(folder: Path, reader: Any, writer: Any) -> tuple[WarmProcess, Any]:
    """Start a command, and wait until it prints what the pipe cannot take."""
    write_folder(folder / "in", 2, 0)
    more = [word for question in "abcdefgh" for word in ("-q", question)]
    process = ask(folder, "in", "Who?", *more, stdout=writer.fileno())
    writer.close()
    ready, _, _ = select.select([reader], [], [], 60)
    assert ready, (folder / "log").read_text()
    return process, reader
