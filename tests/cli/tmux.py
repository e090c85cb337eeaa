"""A terminal in tmux: keys go in as if typed, and what the screen shows comes out."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.cli.processes import ROOT

PATIENCE = 400.0
"""Seconds to wait for what the screen should show: a machine may have much else to do."""

_PAUSE = 0.05
# The shell tells its number where linvt's output does not go, and becomes linvt.
_START = 'echo process $$. >&2; exec "$@"'


class Terminal:
    """A shell in a terminal of 100 columns and 50 lines, alone on a tmux server of its own."""

    def __init__(self, socket: Path, variables: Mapping[str, str]) -> None:
        self._command = ("tmux", "-S", str(socket), "-f", "/dev/null")
        shell = shlex.join(["env", *(f"{name}={value}" for name, value in variables.items()), "sh"])
        size = ("-x", "100", "-y", "50")
        self._run("new-session", "-d", *size, "-c", str(ROOT), shell)

    def start(self, *arguments: object, stdout: Path | None = None) -> int:
        """Run the fake linvt until it waits for a line, and return its process."""
        words = [sys.executable, "-m", "tests.cli.fake_linvt", *map(str, arguments)]
        where = "" if stdout is None else f" > {shlex.quote(str(stdout))}"
        run = shlex.join(["sh", "-c", _START, "sh", *words])
        num_before = len(self._processes())
        self.enter(f"{run}{where}; echo ended with $?.")
        self._wait(lambda _: len(self._processes()) > num_before, "a process")
        self.wait_until_ready()
        return self._processes()[-1]

    def type(self, text: str) -> None:
        """Type text, letter by letter."""
        if text:
            self._run("send-keys", "-l", "--", text)

    def press(self, *keys: str) -> None:
        """Press keys by their tmux names."""
        self._run("send-keys", *keys)

    def enter(self, line: str) -> None:
        """Type text, and press the key that ends a line."""
        self.type(line)
        self.press("Enter")

    def paste(self, text: str) -> None:
        """Paste text, marked as pasted where a program asks for that."""
        self._run("set-buffer", "--", text)
        self._run("paste-buffer", "-p", "-r")

    def say(self, line: str, then: str) -> None:
        """Type a line, and wait until the screen shows a text once more, and is ready again."""
        self.begin(line, then)
        self.wait_until_ready()

    def begin(self, line: str, then: str) -> None:
        """Type a line, and wait until the screen shows a text once more."""
        self.expect(then, lambda: self.enter(line))

    def expect(self, text: str, act: Callable[[], object]) -> None:
        """Do something, and wait until the screen shows a text once more."""
        num_before = self.screen().count(text)
        act()
        self._wait(lambda shown: shown.count(text) > num_before, text)

    def wait_until_ready(self) -> None:
        """Wait for an empty line of input."""
        self._wait(lambda shown: shown.rstrip().rpartition("\n")[2].strip() == ">", "empty prompt")

    def wait_for_input(self, text: str) -> None:
        """Wait until the last line, behind its prompt, is this one."""
        self._wait(lambda shown: shown.rstrip().rpartition("\n")[2] == f"> {text}", text)

    def screen(self) -> str:
        """Return all that the terminal shows or has shown, with wrapped lines joined."""
        return self._run("capture-pane", "-p", "-J", "-S", "-")

    def close(self) -> None:
        """End the shell and its server."""
        subprocess.run([*self._command, "kill-server"], capture_output=True, check=False)

    def _processes(self) -> list[int]:
        # Before it may stand the prompt of a shell that starts later than the keys are pressed.
        return [int(number) for number in re.findall(r"process (\d+)\.", self.screen())]

    def _wait(self, is_shown: Callable[[str], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not is_shown(shown := self.screen()):
            if time.monotonic() > deadline:
                raise AssertionError(f"no {what!r} on the screen:\n{shown}")
            time.sleep(_PAUSE)

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._command, *arguments],
            capture_output=True,
            encoding="utf-8",
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            check=False,
        )
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout


@contextmanager
def terminal(**variables: str) -> Iterator[Terminal]:
    """Open a terminal whose shell has these environment variables, and close it."""
    # The path of a socket must be short, which that of a test's own folder may not be.
    with TemporaryDirectory(prefix="tmux") as folder:
        opened = Terminal(Path(folder) / "s", {"PS1": "$ ", "LC_ALL": "C.UTF-8", **variables})
        try:
            yield opened
        finally:
            opened.close()
