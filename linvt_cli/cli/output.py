"""The one module that prints: answers and JSON on stdout, all else on stderr.

stdout carries the same bytes whether it is a terminal, a pipe or a file. On stderr, progress and
the closing line appear on a terminal only; notices, warnings and errors appear everywhere.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from pathlib import Path
from typing import Any, Literal

from linvt_cli.cli.broken_pipe import ends_by_sigpipe
from linvt_cli.cli.stderr import LastLine, stderr_console, write_to_stderr
from linvt_cli.cli.whole_text import WholeText
from linvt_cli.errors import ConfigError, LinVTError, MachineError

Form = Literal["text", "json", "jsonl"]
Record = Mapping[str, Any]

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_NOT_UNICODE = re.compile("[\ud800-\udfff]")
_BYTES = range(0xDC80, 0xDD00)  # of a file name that are no UTF-8 (PEP 383)


class StdoutError(Exception):
    """Nothing more can be printed; ``failure`` tells the user.

    No ``LinVTError``, since those may be failures of one question, after which the next is asked.
    """

    def __init__(self, failure: MachineError) -> None:
        super().__init__(failure.message)
        self.failure = failure


def answer_form(*, as_json: bool, as_jsonl: bool) -> Form:
    """Return the form that two options choose.

    Raises:
        ConfigError: if both are given.
    """
    if as_json and as_jsonl:
        raise ConfigError(
            "--json and --jsonl exclude each other", field="json", hint="leave out one of them"
        )
    if as_json:
        return "json"
    return "jsonl" if as_jsonl else "text"


class Output:
    """Where one command's answers and messages go.

    Args:
        form: of what goes to stdout. JSON is UTF-8 in every locale.
        quiet: print no notices, warnings and progress; errors are printed.
    """

    def __init__(self, form: Form = "text", *, quiet: bool = False) -> None:
        self.form = form
        self.quiet = quiet
        self._stdout = sys.stdout
        self._records: list[Record] = []
        self._document = WholeText(self.write)
        self._last_line = LastLine()
        if isinstance(self._stdout, io.TextIOWrapper):
            encoding = None if form == "text" else "utf-8"
            self._stdout.reconfigure(encoding=encoding, errors="backslashreplace")

    @property
    def is_read_along(self) -> bool:
        """Whether answers are text on a terminal, where somebody reads them as they grow."""
        return self.form == "text" and self._stdout.isatty()

    @contextmanager
    def sole_writer(self) -> Iterator[None]:
        """Send what anything else prints in this block to stderr, so that stdout stays pure."""
        with redirect_stdout(sys.stderr):
            yield

    def write(self, text: str) -> None:
        """Print a piece of text at once; progress makes room where both are on a terminal.

        Raises:
            StdoutError: if stdout takes nothing more, as on a full disk.
        """
        try:
            with (
                self._last_line.room() if self._stdout.isatty() else nullcontext(),
                ends_by_sigpipe(),
            ):
                self._stdout.write(text)
                self._stdout.flush()
        except BrokenPipeError:
            raise  # the reader has left, which is no failure
        except OSError as error:
            self._drop_unwritten()
            raise StdoutError(
                MachineError(
                    f"The output cannot be written: {error.strerror or error}",
                    hint="make room where it goes, or let it go elsewhere",
                )
            ) from error

    def line(self, text: str = "") -> None:
        """Print a line."""
        self.write(f"{text}\n")

    def record(self, record: Record) -> None:
        """Print a JSON line, or keep the record for the JSON document of ``finish``."""
        if self.form == "jsonl":
            self.line(json_text(record))
        else:
            self._records.append(record)

    def finish(self, *, as_list: bool, may_be_empty: bool = False) -> None:
        """Print the JSON document: the list of all records, or the only one, if there is any."""
        self._document.print(lambda: self._taken(as_list, may_be_empty))

    def save(self, *, as_list: bool) -> None:
        """Finish from another thread, before the process ends; nothing is printed afterwards."""

        def finish() -> None:
            with suppress(OSError, StdoutError):  # there is nothing left to do about it
                self.finish(as_list=as_list)

        self._document.print_last(finish)

    def _taken(self, as_list: bool, may_be_empty: bool) -> str:
        """Return the document of the records, which are none afterwards."""
        records, self._records = self._records, []
        if self.form != "json" or not (records or may_be_empty):
            return ""
        return json_text(records if as_list else records[0], indent=2) + "\n"

    def notice(self, text: str) -> None:
        """Tell the user something on stderr."""
        if not self.quiet:
            print_message(text)

    def warning(self, text: str) -> None:
        """Warn the user on stderr."""
        self.notice(f"warning: {text}")

    def aside(self, text: str) -> None:
        """Show a dim line on stderr, on a terminal only."""
        if not self._on_terminal():
            return
        from rich.text import Text

        style = "" if os.environ.get("NO_COLOR") else "dim"
        with self._last_line.room():
            stderr_console().print(Text(printable(text), style=style), soft_wrap=True)

    @contextmanager
    def progress(self, text: str) -> Iterator[Callable[[str], None]]:
        """Show what is going on while the block runs, on a terminal only.

        Yields a function that replaces the text.
        """
        if not self._may_move():
            yield lambda _: None
            return
        from rich.text import Text

        status = stderr_console().status(Text(printable(text)))
        with self._last_line.moves(status):
            yield lambda update: status.update(Text(printable(update)))

    @contextmanager
    def transfer(self, text: str, *, total: int, done: int) -> Iterator[Callable[[int], None]]:
        """Show how many bytes are done, how fast, and how long it will take, on a terminal only.

        Args:
            text: what is going on.
            total: bytes.
            done: of them, at the start; not counted in the rate.

        Yields a function that adds bytes, or takes some back.
        """
        if not self._may_move():
            yield lambda _: None
            return
        from rich import progress
        from rich.text import Text

        columns = (
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.DownloadColumn(binary_units=True),
            progress.TransferSpeedColumn(),
            progress.TimeRemainingColumn(),
        )
        bars = progress.Progress(*columns, console=stderr_console(), transient=True)
        with self._last_line.moves(bars):
            shown = Text(printable(text)).markup
            task = bars.add_task(shown, total=total, completed=done)
            yield lambda num_bytes: bars.advance(task, num_bytes)

    @contextmanager
    def bar(self, total: int) -> Iterator[Callable[[int, str], None] | None]:
        """Show how many of many things are done, how fast, and how long it will take.

        Yields a function that takes how many are done and what is going on; None where there is no
        terminal that can show it.
        """
        if not self._may_move():
            yield None
            return
        from rich import progress
        from rich.text import Text

        columns = (
            progress.BarColumn(bar_width=20),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[rate]}"),
            progress.TimeRemainingColumn(),
            progress.TextColumn("{task.description}"),
        )
        bar = progress.Progress(*columns, console=stderr_console(), transient=True)
        with self._last_line.moves(bar):
            task = bar.add_task("", total=total, rate="")

            def show(done: int, text: str) -> None:
                speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
                bar.update(
                    task,
                    completed=done,
                    description=Text(printable(text)).markup,
                    rate=f"{60 * speed:.1f}/min" if speed else "",
                )

            yield show

    def _drop_unwritten(self) -> None:
        """Keep Python from trying again, and complaining, when the process ends."""
        with suppress(OSError), Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), self._stdout.fileno())

    def _may_move(self) -> bool:
        return self._on_terminal() and os.environ.get("TERM") != "dumb"

    def _on_terminal(self) -> bool:
        return not self.quiet and sys.stderr.isatty()


def print_error(error: LinVTError) -> None:
    """Print an error on stderr: one line that says what is wrong, one that says what to do."""
    print_message(f"error: {error.message}")
    if error.hint is not None:
        print_message(f"hint: {error.hint}")


def print_message(text: str) -> None:
    """Print one line on stderr."""
    print_prompt(f"{printable(text)}\n")


def print_prompt(text: str) -> None:
    """Print on stderr what stands before the place where a line is typed."""
    write_to_stderr(text)


def printable(text: str) -> str:
    """Return a text as one line that any terminal can show: odd characters become escapes."""
    return _UNPRINTABLE.sub(_escape, text)


def json_text(value: object, *, indent: int | None = None) -> str:
    r"""Return strict JSON. What is no Unicode becomes a text such as ``\xff`` or ``\ud800``."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    return _NOT_UNICODE.sub(lambda match: "\\" + _escape(match), text)


def utf8_text(text: str) -> str:
    r"""Return a text as JSON shows it, and as a tokenizer can read it.

    Bytes that are not UTF-8 become the text ``\xff``, and halves of a character ``\ud800``.
    """
    return _NOT_UNICODE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code == ord("\n"):
        return r"\n"
    if code in _BYTES:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if code > 0xFF else f"\\x{code:02x}"
