from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from linvt_cli.cli import lines
from linvt_cli.cli.lines import PlainLines, history_file, open_lines, prepared_history
from linvt_cli.cli.output import Output


def test_lines_of_a_stream_come_without_their_ends():
    plain = PlainLines(io.StringIO("one\ntwo\r\n\nlast"))
    assert [plain.read() for _ in range(4)] == ["one", "two", "", "last"]
    with pytest.raises(EOFError):
        plain.read()
    assert not plain.interactive


def test_bytes_that_are_no_text_do_not_end_the_conversation():
    stream = io.TextIOWrapper(io.BytesIO(b"caf\xe9?\n"), encoding="utf-8")
    assert PlainLines(stream).read() == "caf�?"


def test_the_mark_before_utf_8_is_no_part_of_the_first_line():
    stream = io.TextIOWrapper(io.BytesIO("\ufeff/at 0-2\n\ufeffWhat?\n".encode()), "utf-8")
    plain = PlainLines(stream)
    assert [plain.read(), plain.read()] == ["/at 0-2", "\ufeffWhat?"]
    with pytest.raises(EOFError):
        PlainLines(io.StringIO("\ufeff")).read()


def test_a_prompt_goes_to_stderr(capsys):
    plain = PlainLines(io.StringIO("one\n"), "> ")
    assert plain.interactive
    assert plain.read() == "one"
    with pytest.raises(EOFError):
        plain.read()
    assert tuple(capsys.readouterr()) == ("", "> > \n")


def test_a_pipe_is_read_as_it_is(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("one\n"))
    assert not open_lines(Output(), keeps_history=True).interactive
    assert not history_file().exists()


@pytest.mark.parametrize(("term", "stderr"), [("dumb", True), ("xterm", False)])
def test_without_a_terminal_that_can_draw_there_is_a_plain_prompt(monkeypatch, term, stderr):
    monkeypatch.setattr(sys, "stdin", Seat())
    monkeypatch.setattr(sys, "stderr", Seat() if stderr else io.StringIO())
    monkeypatch.setenv("TERM", term)
    opened = open_lines(Output(), keeps_history=True)
    assert isinstance(opened, PlainLines)
    assert opened.interactive


class Seat(io.StringIO):
    """A terminal that nobody types at."""

    def isatty(self) -> bool:
        return True


def test_the_history_is_for_its_owner_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("LINVT_HOME", str(tmp_path / "new" / "home"))
    path = tmp_path / "new" / "home" / "chat-history"
    assert prepared_history() == path
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("kept")
    path.chmod(0o644)
    assert prepared_history() == path
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("kept", 0o600)


def test_without_a_home_of_linvt_the_history_is_among_the_data_of_the_user(monkeypatch):
    monkeypatch.delenv("LINVT_HOME")
    assert history_file().parts[-2:] == ("linvt", "chat-history")


def test_a_history_that_cannot_be_kept_is_none(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LINVT_HOME", str(tmp_path / "file" / "below"))
    assert prepared_history() is None


@pytest.mark.parametrize("keeps", [True, False])
def test_the_editor_gets_the_history_where_it_is_wanted(monkeypatch, capsys, keeps):
    opened: list[Path | None] = []
    monkeypatch.setattr("linvt_cli.cli.line_editor.LineEditor", opened.append)
    monkeypatch.setattr(sys, "stdin", Seat())
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    open_lines(Output(), keeps_history=keeps)
    assert opened == [history_file() if keeps else None]
    monkeypatch.setattr(lines, "prepared_history", lambda: None)
    open_lines(Output(), keeps_history=keeps)
    assert opened[1:] == [None]
    assert ("cannot be kept" in capsys.readouterr().err) == keeps
