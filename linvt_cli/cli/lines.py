"""Where the lines of a conversation come from: a terminal with an editor, or any other stream."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Protocol, TextIO

from linvt_cli.cli.output import Output, print_prompt
from linvt_cli.settings.folders import user_folder

HISTORY_NAME = "chat-history"


class Lines(Protocol):
    """Lines, one after the other."""

    interactive: bool  # whether somebody types them, and sees what comes of each

    def read(self) -> str:
        """Return the next line, without its end.

        Raises:
            EOFError: if there is none.
            KeyboardInterrupt: if Ctrl-C was pressed instead.
        """
        ...


class PlainLines:
    """The lines of a stream, as they are, without the mark that editors put before UTF-8.

    Args:
        stream: of text.
        prompt: written on stderr before each line is read; None for nothing.
    """

    def __init__(self, stream: TextIO, prompt: str | None = None) -> None:
        self.interactive = prompt is not None
        self._stream = stream
        self._prompt = prompt
        self._mark = "\ufeff"  # before the first line only
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")

    def read(self) -> str:
        """Return the next line, without its end.

        Raises:
            EOFError: if there is none.
            KeyboardInterrupt: if Ctrl-C was pressed instead.
        """
        if self._prompt is None:
            return self._next_line()
        print_prompt(self._prompt)
        try:
            return self._next_line()
        except (EOFError, KeyboardInterrupt):
            print_prompt("\n")  # what follows is not to stand behind the prompt
            raise

    def _next_line(self) -> str:
        line = self._stream.readline().removeprefix(self._mark)
        self._mark = ""
        if not line:
            raise EOFError
        return line.rstrip("\r\n")


def open_lines(output: Output, *, keeps_history: bool) -> Lines:
    """Return the lines of standard input, with an editor where somebody sits at a terminal.

    Args:
        output: where it is said that the history cannot be kept.
        keeps_history: whether lines are kept for later conversations.
    """
    if not sys.stdin.isatty():
        return PlainLines(sys.stdin)
    # The editor draws on stderr, so that stdout holds answers alone.
    if not sys.stderr.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return PlainLines(sys.stdin, "> ")
    from linvt_cli.cli.line_editor import LineEditor

    history = prepared_history() if keeps_history else None
    if keeps_history and history is None:
        output.warning(f"what is typed cannot be kept in '{history_file()}'")
    return LineEditor(history)


def history_file() -> Path:
    """Return where lines are kept: below ``LINVT_HOME``, or where the system keeps data."""
    return user_folder("data") / HISTORY_NAME


def prepared_history() -> Path | None:
    """Return the file of the history, which nobody else may read; None where it cannot be had."""
    path = history_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_APPEND | os.O_RDWR, 0o600))
        path.chmod(0o600)
    except OSError:
        return None
    return path
