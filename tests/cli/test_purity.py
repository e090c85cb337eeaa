"""stdout is data: the same bytes under a pipe, a file, a terminal and every kind of TERM."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.cli.processes import REAL, Finished, Kind, Outlet, run_linvt, run_warm, start_warm
from tests.cli.schema import validate, validate_description

PLACES = [
    pytest.param("pipe", {}, id="pipe"),
    pytest.param("file", {}, id="file"),
    pytest.param("terminal", {"TERM": "xterm-256color"}, id="terminal"),
    pytest.param("terminal", {"TERM": "dumb"}, id="dumb terminal"),
    pytest.param("terminal", {"TERM": "xterm-256color", "NO_COLOR": "1"}, id="no colour"),
    pytest.param("pipe", {"FORCE_COLOR": "1", "COLUMNS": "20"}, id="forced colour"),
    pytest.param("pipe", {"FAKE_FAULT": "chatter"}, id="chattering library"),
]


@pytest.mark.parametrize(("place", "variables"), PLACES)
def test_the_answer_is_the_same_everywhere(video, place, variables):
    done = run_warm("ask", video, "What?", stdout=place, stderr=place, **variables)
    assert (done.code, done.stdout) == (0, b"A grey wall.\n")


@pytest.mark.parametrize(
    ("place", "variables"),
    [each for each in PLACES if each.id in ("file", "terminal", "forced colour")],
)
def test_so_it_is_where_libraries_are_loaded(video, place, variables):
    done = run_linvt("ask", video, "What?", stdout=place, stderr=place, **variables)
    assert (done.code, done.stdout) == (0, b"A grey wall.\n")


@pytest.mark.parametrize(("place", "variables"), PLACES)
def test_json_is_valid_everywhere_and_nothing_is_around_it(video, place, variables):
    done = run_warm("ask", video, "What?", "--json", stdout=place, stderr=place, **variables)
    validate(json.loads(done.stdout))
    assert (done.code, done.stdout[:1], done.stdout[-2:]) == (0, b"{", b"}\n")


@pytest.mark.parametrize("more", [(), ("--quiet",)], ids=["", "quiet"])
@pytest.mark.parametrize("place", ["pipe", "terminal"])
def test_json_lines_are_valid_everywhere_and_one_for_each_question(video, place, more):
    done = run_warm(
        "ask", video, "One?", "-q", "Two?", "--jsonl", *more, stdout=place, stderr=place
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    for row in rows:
        validate(row)
    assert [row["question"] for row in rows] == ["One?", "Two?"]


@pytest.mark.parametrize("more", [(), ("--quiet",)], ids=["", "quiet"])
@pytest.mark.parametrize("place", ["pipe", "terminal"])
def test_a_description_in_json_is_valid_everywhere(video, place, more):
    done = run_warm("describe", video, "--json", *more, stdout=place, stderr=place)
    validate_description(json.loads(done.stdout))
    assert (done.code, done.stdout[:1], done.stdout[-2:]) == (0, b"{", b"}\n")


@pytest.mark.parametrize("place", ["pipe", "terminal"])
def test_quiet_changes_no_byte_of_an_answer(video, place):
    done = run_warm("ask", video, "What?", "--quiet", stdout=place, stderr=place)
    assert (done.code, done.stdout, done.stderr) == (0, b"A grey wall.\n", b"")


@pytest.mark.parametrize(("place", "variables"), PLACES)
def test_a_description_is_the_same_everywhere(video, place, variables):
    done = run_warm(
        "describe",
        video,
        "--every",
        "2",
        "--format",
        "srt",
        stdout=place,
        stderr=place,
        **variables,
    )
    cues = (b"1\n00:00:00,000 --> 00:00:02,000", b"2\n00:00:02,000 --> 00:00:03,000")
    assert (done.code, done.stdout) == (0, b"\n".join(cue + b"\nA grey wall.\n" for cue in cues))


@pytest.mark.parametrize(("place", "variables"), PLACES)
def test_a_conversation_is_the_same_everywhere(video, place, variables):
    done = run_warm(
        "chat", video, typed=b"What?\n/frames\nWho?\n", stdout=place, stderr=place, **variables
    )
    assert (done.code, done.stdout) == (0, b"A grey wall.\nA grey wall.\n")


@pytest.mark.parametrize("place", ["pipe", "terminal"])
def test_a_conversation_in_json_lines_is_valid_everywhere(video, place):
    done = run_warm(
        "chat", video, "--jsonl", "--quiet", typed=b"What?\nWho?", stdout=place, stderr=place
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    for row in rows:
        validate(row)
    assert (done.code, [row["question"] for row in rows]) == (0, ["What?", "Who?"])


def interrupted(
    *arguments: str | Path,
    fault: str,
    typed: bytes = b"",
    stderr: Kind = "pipe",
    **variables: str,
) -> Finished:
    """Run linvt until it hangs, interrupt it once, and wait for its end."""
    outlets = [Outlet("pipe"), Outlet(stderr)]
    process = start_warm(
        *arguments,
        typed=typed,
        stdout=outlets[0].inside,
        stderr=outlets[1].inside,
        variables={"FAKE_FAULT": fault, **variables},
    )
    for outlet in outlets:
        os.close(outlet.inside)
    shown = b""
    while b"hanging" not in shown:
        chunk = os.read(outlets[1].outside, 65536)
        assert chunk, shown
        shown += chunk
    process.send_signal(signal.SIGINT)
    shown += outlets[1].read()
    return Finished(process.wait(), outlets[0].read(), shown)


def test_one_interrupt_ends_a_conversation_in_a_pipe(video):
    done = interrupted("chat", video, "--quiet", typed=b"What?\n", fault="hang while answering")
    assert done == (130, b"", b"hanging\ninterrupted\n")


def test_a_terminal_shows_the_closing_line_last_and_dim(video):
    done = run_warm("ask", video, "What?", stderr="terminal", TERM="xterm-256color")
    last_shown = done.stderr.decode().split("\x1b[2K")[-1]
    assert last_shown.startswith("\x1b[2m4 frames · 0.3 to 2.6 s · 16 visual → 8 video tokens · ")
    assert last_shown.endswith(" s\x1b[0m\n")


def test_a_pipe_sees_no_progress_and_no_closing_line(video):
    done = run_linvt("ask", video, "What?", "--model", "nano")
    assert (done.code, done.stderr) == (0, b"")


def test_quiet_silences_a_terminal(video):
    done = run_linvt("ask", video, "What?", "--quiet", stderr="terminal", TERM="xterm-256color")
    assert (done.code, done.stderr) == (0, b"")


def test_what_a_library_prints_goes_to_stderr(video):
    done = run_warm("ask", video, "What?", FAKE_FAULT="chatter")
    assert b"chatter of a library" in done.stderr


def test_a_file_name_that_is_no_utf8_stays_readable_in_json(video, tmp_path):
    path = tmp_path / os.fsdecode(b"clip\xff.mp4")
    path.symlink_to(video)
    done = run_warm("ask", path, "What?", "--json")
    assert done.code == 0
    assert json.loads(done.stdout.decode("utf-8"))["video"] == f"{tmp_path}/clip\\xff.mp4"


def test_a_missing_file_whose_name_is_no_utf8_is_named_in_the_error(tmp_path):
    done = run_linvt("ask", b"clip\xff.mp4", "What?", "--json", command=REAL)
    assert done.code == 3
    validate(json.loads(done.stdout.decode("utf-8")))
    assert done.stderr.decode("utf-8").startswith("error: ")


def test_a_locale_without_the_characters_of_an_answer_does_not_lose_it(video):
    done = run_linvt("ask", video, "What?", FAKE_ANSWER="é ✓", PYTHONIOENCODING="ascii")
    assert (done.code, done.stdout) == (0, b"\\xe9 \\u2713\n")


@pytest.mark.parametrize("arguments", [("ask", "VIDEO", "What?", "--quiet"), ("ask", "--help")])
def test_a_reader_that_leaves_early_ends_linvt_without_a_word(video, arguments):
    outside, inside = os.pipe()
    os.close(outside)
    stderr = Outlet("pipe")
    words = [video if word == "VIDEO" else word for word in arguments]
    process = start_warm(*words, stdout=inside, stderr=stderr.inside)
    os.close(inside)
    os.close(stderr.inside)
    assert (stderr.read(), process.wait()) == (b"", -signal.SIGPIPE)


def test_one_interrupt_ends_a_library_that_does_not_listen(video):
    done = interrupted("ask", video, "What?", "--quiet", fault="hang while answering")
    assert done == (130, b"", b"hanging\ninterrupted\n")


def test_an_interrupt_leaves_a_terminal_with_its_cursor_and_without_progress(video):
    done = interrupted(
        *("ask", video, "What?"),
        fault="hang while looking",
        stderr="terminal",
        TERM="xterm-256color",
    )
    assert done.code == 130
    assert done.stderr.rpartition(b"\x1b[2K")[2] == b"\x1b[?25hinterrupted\n"


@pytest.mark.parametrize("run", [run_linvt, run_warm])
def test_a_bug_ends_with_1_and_a_traceback_on_stderr(video, run):
    done = run("ask", video, "What?", "--json", FAKE_FAULT="bug")
    assert (done.code, done.stdout) == (1, b"")
    assert done.stderr.splitlines()[-1] == b"KeyError: 'a bug'"
