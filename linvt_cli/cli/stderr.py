"""stderr as linvt writes to it: what it does not take is lost, and nothing else.

A terminal that was closed and a full disk take no messages; answers go on, and so does the exit
code. A pipe that nobody reads any more ends linvt, as it ends other Unix tools.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO, cast

from linvt_cli.cli.broken_pipe import ends_by_sigpipe

if TYPE_CHECKING:
    from rich.console import Console


def write_to_stderr(text: str) -> None:
    """Write a piece of text at once."""
    stream = sys.stderr
    with ends_by_sigpipe(), _lost_if_refused(stream):
        stream.write(text)
        stream.flush()


def stderr_console() -> Console:
    """Return what draws on stderr, be it from a thread of its own."""
    from rich.console import Console

    # Rich puts a stream of its own before that on which it draws.
    stream = getattr(sys.stderr, "rich_proxied_file", sys.stderr)
    return Console(file=cast(TextIO, _Lenient(stream)), highlight=False)


class Moving(AbstractContextManager[object], Protocol):
    """What Rich moves: it begins with the block, and may rest meanwhile."""

    def start(self) -> None:
        """Move, or move again."""

    def stop(self) -> None:
        """Rest, and leave no trace on the terminal."""


class LastLine:
    """The last line of a terminal, where one thing at a time may move."""

    def __init__(self) -> None:
        self._moving: Moving | None = None

    @contextmanager
    def moves(self, moving: Moving) -> Iterator[None]:
        """Let something move there while the block runs; what moved before rests meanwhile."""
        with self.room():
            before, self._moving = self._moving, moving
            try:
                with moving:
                    yield
            finally:
                self._moving = before

    @contextmanager
    def room(self) -> Iterator[None]:
        """Take away what moves there while the block prints."""
        moving = self._moving
        if moving is not None:
            moving.stop()
        try:
            yield
        finally:
            if moving is not None:
                moving.start()


class _Lenient:
    """A stream of text that takes whatever is written, and loses what cannot be.

    Args:
        stream: where it goes.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text."""
        with _lost_if_refused(self._stream):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand on what is written."""
        with _lost_if_refused(self._stream):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _lost_if_refused(stream: TextIO) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError:
        _forget_unwritten(stream)


def _forget_unwritten(stream: TextIO) -> None:
    """Empty the buffer of a stream; Python would try it again, and end with a code of its own."""
    with suppress(OSError), Path(os.devnull).open("wb") as nothing:
        file = stream.fileno()
        kept = os.dup(file)
        try:
            os.dup2(nothing.fileno(), file)
            stream.flush()
        finally:
            os.dup2(kept, file)
            os.close(kept)
