"""Runs the ``linvt`` command in a process of its own, with all kinds of things at its ends."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

from tests.cli.warm import Request, WarmProcess, warm

ROOT = Path(__file__).resolve().parents[2]
FAKE = (sys.executable, "-m", "tests.cli.fake_linvt")
REAL = (sys.executable, "-m", "linvt_cli")

Kind = Literal["pipe", "terminal", "file"]


class Finished(NamedTuple):
    """How a process ended and what it wrote."""

    code: int
    stdout: bytes
    stderr: bytes


class Outlet:
    """Where a process writes: ``inside`` is its end."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        match kind:
            case "pipe":
                self.outside, self.inside = os.pipe()
            case "terminal":
                self.outside, self.inside = pty.openpty()
                attributes = termios.tcgetattr(self.inside)
                attributes[1] &= ~termios.OPOST  # bytes pass as they are, without \n -> \r\n
                termios.tcsetattr(self.inside, termios.TCSANOW, attributes)
            case "file":
                self.inside, name = tempfile.mkstemp()
                self.outside = os.open(name, os.O_RDONLY)
                Path(name).unlink()

    def read(self) -> bytes:
        """Return all that is written until the other end is closed."""
        read = b""
        while chunk := self._read_chunk():
            read += chunk
        os.close(self.outside)
        return read

    def _read_chunk(self) -> bytes:
        # Linux says so when the last process has left a terminal, and now and then before it has
        # handed out the last bytes: then they are there a moment later.
        for _ in range(2):
            with suppress(OSError):
                return os.read(self.outside, 65536)
            time.sleep(0.05)
        return b""


def start(
    *arguments: str | bytes | Path,
    command: tuple[str, ...] = FAKE,
    stdin: int | None = None,
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
    **variables: str,
) -> subprocess.Popen[bytes]:
    """Start linvt with environment variables of its own."""
    return subprocess.Popen(
        [*command, *arguments],
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        cwd=ROOT,
        env={**os.environ, **variables},
    )


def start_warm(
    *arguments: str | Path,
    command: tuple[str, ...] = FAKE,
    typed: bytes = b"",
    stdout: int,
    stderr: int,
    folder: Path = ROOT,
    variables: Mapping[str, str] | None = None,
) -> WarmProcess:
    """Start linvt in a process whose libraries are loaded: see ``warm``."""
    stdin, typing = os.pipe()  # holds 64 KB: all is typed before a command can end without reading
    os.write(typing, typed)
    os.close(typing)
    request: Request = {
        "module": command[-1],
        "words": [str(argument) for argument in arguments],
        "folder": str(folder),
        "variables": {**os.environ, **(variables or {})},
    }
    process = warm().start(request, [stdin, stdout, stderr])
    os.close(stdin)
    return process


def run_warm(
    *arguments: str | Path,
    command: tuple[str, ...] = FAKE,
    typed: bytes | None = None,
    stdout: Kind = "pipe",
    stderr: Kind = "pipe",
    **variables: str,
) -> Finished:
    """Do what ``run_linvt`` does, in a process whose libraries are loaded: see ``warm``."""
    outlets = [Outlet(stdout), Outlet(stderr)]
    process = start_warm(
        *arguments,
        command=command,
        typed=typed or b"",
        stdout=outlets[0].inside,
        stderr=outlets[1].inside,
        variables=variables,
    )
    for outlet in outlets:
        os.close(outlet.inside)
    live = {outlet: outlet.read() for outlet in outlets if outlet.kind != "file"}
    code = process.wait()
    written = [live[outlet] if outlet in live else outlet.read() for outlet in outlets]
    return Finished(code, *written)


def run_linvt(
    *arguments: str | bytes | Path,
    command: tuple[str, ...] = FAKE,
    typed: bytes | None = None,
    stdout: Kind = "pipe",
    stderr: Kind = "pipe",
    **variables: str,
) -> Finished:
    """Run linvt to its end, with ``typed`` on its standard input."""
    outlets = [Outlet(stdout), Outlet(stderr)]
    process = start(
        *arguments,
        command=command,
        stdin=None if typed is None else subprocess.PIPE,
        stdout=outlets[0].inside,
        stderr=outlets[1].inside,
        **variables,
    )
    if process.stdin is not None:
        process.stdin.write(typed or b"")
        process.stdin.close()
    for outlet in outlets:
        os.close(outlet.inside)
    live = {outlet: outlet.read() for outlet in outlets if outlet.kind != "file"}
    code = process.wait(timeout=100)
    written = [live[outlet] if outlet in live else outlet.read() for outlet in outlets]
    return Finished(code, *written)
