from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from linvt_cli.cli.output import (
    Output,
    answer_form,
    json_text,
    print_error,
    print_prompt,
    printable,
    utf8_text,
)
from linvt_cli.errors import ConfigError
from tests.cli.processes import FAKE, REAL, Outlet, start, start_warm


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def on_terminal(monkeypatch):
    """Return a function that runs something with a terminal as stderr and returns what it shows."""

    def show(action: Callable[[], object], **environment: str) -> str:
        with monkeypatch.context() as patch:
            patch.delenv("NO_COLOR", raising=False)
            for name, value in {"TERM": "xterm-256color", **environment}.items():
                patch.setenv(name, value)
            stderr = Terminal()
            patch.setattr(sys, "stderr", stderr)
            action()
        return stderr.getvalue()

    return show


@pytest.mark.parametrize(
    ("as_json", "as_jsonl", "form"),
    [(False, False, "text"), (True, False, "json"), (False, True, "jsonl")],
)
def test_options_choose_the_form(as_json, as_jsonl, form):
    assert answer_form(as_json=as_json, as_jsonl=as_jsonl) == form


def test_two_forms_at_once_are_refused():
    with pytest.raises(ConfigError, match="exclude each other"):
        answer_form(as_json=True, as_jsonl=True)


def test_json_lines_are_printed_as_they_come(capsys):
    output = Output("jsonl")
    output.record({"a": 1})
    assert capsys.readouterr().out == '{"a": 1}\n'


def test_a_json_document_is_printed_once_and_at_the_end(capsys):
    output = Output("json")
    output.record({"a": 1})
    assert capsys.readouterr().out == ""
    output.finish(as_list=False)
    output.finish(as_list=False)
    assert json.loads(capsys.readouterr().out) == {"a": 1}


def test_several_records_make_a_list_even_if_there_is_one(capsys):
    output = Output("json")
    output.record({"a": 1})
    output.finish(as_list=True)
    assert json.loads(capsys.readouterr().out) == [{"a": 1}]


def test_no_record_is_an_empty_list_where_a_list_is_wanted(capsys):
    Output("json").finish(as_list=True)
    assert capsys.readouterr().out == ""
    Output("json").finish(as_list=True, may_be_empty=True)
    assert json.loads(capsys.readouterr().out) == []


def test_what_others_print_goes_to_stderr(capsys):
    output = Output("json")
    with output.sole_writer():
        print("chatter")  # noqa: T201
        output.write("data")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("data", "chatter\n")


def test_quiet_silences_notices_and_warnings_but_no_errors(capsys):
    output = Output(quiet=True)
    output.notice("a notice")
    output.warning("a warning")
    print_error(ConfigError("an error", field="x"))
    assert capsys.readouterr().err == "error: an error\n"


def test_notices_and_warnings_go_to_stderr(capsys):
    output = Output()
    output.notice("a notice")
    output.warning("a warning")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "a notice\nwarning: a warning\n")


def test_an_error_is_one_line_and_its_hint_another(capsys):
    print_error(ConfigError("two\nlines \x1b[31m", field="x", hint="do this"))
    assert capsys.readouterr().err == "error: two\\nlines \\x1b[31m\nhint: do this\n"


def test_asides_and_progress_vanish_when_stderr_is_no_terminal(capsys):
    output = Output()
    output.aside("16 frames")
    with output.progress("Reading") as show:
        show("Reading more")
    assert capsys.readouterr() == ("", "")


def test_an_aside_is_dim_on_a_terminal(on_terminal):
    assert on_terminal(lambda: Output().aside("16 frames")) == "\x1b[2m16 frames\x1b[0m\n"


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_an_aside_is_plain_where_no_style_is_wanted(on_terminal, environment):
    assert on_terminal(lambda: Output().aside("16 frames"), **environment) == "16 frames\n"


def test_an_aside_takes_brackets_and_escapes_literally(on_terminal):
    shown = on_terminal(lambda: Output().aside("[red]a[/red] :smile: \x1b[2J"), NO_COLOR="1")
    assert shown == "[red]a[/red] :smile: \\x1b[2J\n"


def work(output: Output) -> None:
    with output.progress("Reading") as show:
        show("Reading [b]x[/b]")
    output.aside("16 frames")


def test_progress_is_shown_on_a_terminal_and_wiped_afterwards(on_terminal):
    shown = on_terminal(lambda: work(Output()))
    progress, wipe, aside = shown.partition("\x1b[1A\x1b[2K")
    assert "Reading [b]x[/b]" in progress
    assert wipe
    assert "Reading" not in aside


def test_an_answer_stands_on_a_line_of_its_own_while_progress_goes_on(on_terminal, monkeypatch):
    def answer() -> None:
        monkeypatch.setattr(sys, "stdout", sys.stderr)  # one terminal for both
        output = Output()
        with output.progress("Reading"):
            output.line("an answer")

    before, _, after = on_terminal(answer).partition("an answer\n")
    assert before.endswith("\x1b[?25h\r\x1b[1A\x1b[2K")  # wiped
    assert "Reading" in after


def test_progress_is_not_shown_on_a_dumb_terminal(on_terminal):
    assert on_terminal(lambda: work(Output()), TERM="dumb") == "16 frames\n"


def test_progress_and_asides_are_not_shown_when_quiet(on_terminal):
    assert on_terminal(lambda: work(Output(quiet=True))) == ""


def test_odd_characters_become_escapes():
    assert printable("a\tb\nc\x1b\x9b\udcff é 🙂") == "a\\x09b\\nc\\x1b\\x9b\\xff é 🙂"
    assert printable("\ud800\udc7f\udd00\udfff") == r"\ud800\udc7f\udd00\udfff"


def test_what_is_no_unicode_becomes_text():
    assert utf8_text("a\ud800b\udc80c\udfff é 🙂\n") == "a\\ud800b\\x80c\\udfff é 🙂\n"
    assert json.loads(json_text(["\ud83d", "\udbff"])) == [r"\ud83d", r"\udbff"]


def test_json_stays_valid_utf8_for_file_names_that_are_not():
    text = json_text({"video": "clip\udcff\udc80.mp4", "answer": "é"})
    assert text.encode("utf-8").decode("utf-8") == text
    assert json.loads(text) == {"video": "clip\\xff\\x80.mp4", "answer": "é"}


def test_json_has_no_number_that_json_lacks():
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text({"seconds": float("nan")})


@pytest.mark.parametrize(
    ("form", "expected"), [("text", b"\\u2713 \xe9\n"), ("json", b"\xe2\x9c\x93 \xc3\xa9\n")]
)
def test_json_is_utf8_and_text_never_fails_whatever_the_locale(monkeypatch, form, expected):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="latin-1"))
    Output(form).line("✓ é")
    assert raw.getvalue() == expected


@pytest.mark.parametrize(
    ("form", "stdout", "read_along"),
    [("text", Terminal, True), ("text", io.StringIO, False), ("jsonl", Terminal, False)],
)
def test_only_text_on_a_terminal_is_read_along(monkeypatch, form, stdout, read_along):
    monkeypatch.setattr(sys, "stdout", stdout())
    assert Output(form).is_read_along is read_along


def test_a_prompt_is_followed_by_nothing(capsys):
    print_prompt("> ")
    assert tuple(capsys.readouterr()) == ("", "> ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("ask", "VIDEO", "What?"),
        ("ask", "VIDEO", "What?", "--json"),
        ("ask", "VIDEO", "What?", "-q", "Who?", "--jsonl"),
        ("ask", "VIDEO", "VIDEO", "What?", "-q", "Who?"),
        ("describe", "VIDEO", "--every", "1"),
        ("chat", "VIDEO"),
        ("models", "list"),
    ],
    ids=" ".join,
)
def test_a_full_disk_behind_stdout_ends_in_one_line(video, arguments):
    shown = Outlet("pipe")
    with Path("/dev/full").open("wb") as full:
        process = start_warm(
            *(str(video) if each == "VIDEO" else each for each in arguments),
            typed=b"What?\nWho?\n",
            stdout=full.fileno(),
            stderr=shown.inside,
        )
    os.close(shown.inside)
    stderr = shown.read()
    expect_full_disk(process.wait(), stderr)


@pytest.mark.parametrize(
    ("arguments", "command"),
    [(("ask", "VIDEO", "What?", "--json"), FAKE), (("models", "list"), REAL)],
    ids=["ask", "models list"],
)
def test_so_it_does_where_python_takes_itself_apart(video, arguments, command):
    with Path("/dev/full").open("wb") as full:
        process = start(
            *(str(video) if each == "VIDEO" else each for each in arguments),
            command=command,
            stdin=subprocess.DEVNULL,
            stdout=full.fileno(),
        )
        _, stderr = process.communicate(timeout=100)
    expect_full_disk(process.returncode, stderr)


def expect_full_disk(code: int, stderr: bytes) -> None:
    said = [line for line in stderr.splitlines() if line.startswith((b"error", b"hint"))]
    assert said == [
        b"error: The output cannot be written: No space left on device",
        b"hint: make room where it goes, or let it go elsewhere",
    ]
    assert (code, b"Traceback" in stderr, b"ignored" in stderr) == (6, False, False)


def test_a_reader_that_left_is_no_failure_of_the_disk(monkeypatch):
    outside, inside = os.pipe()
    os.close(outside)
    with os.fdopen(inside, "w", encoding="utf-8") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        for module, name in ((os, "kill"), (signal, "signal")):  # they would end this process
            monkeypatch.setattr(module, name, lambda *_: None)
        output = Output()
        with pytest.raises(BrokenPipeError):
            output.line("text")
        monkeypatch.undo()
        with Path(os.devnull).open("wb") as nothing:  # takes what is left to write
            os.dup2(nothing.fileno(), inside)
