"""Runs the ``linvt`` command in processes that need not load its libraries again.

``python -m tests.cli.warm`` loads them once, computes nothing, and forks for every command line
that it is sent, together with the files that are to be stdin, stdout and stderr. A fork has
variables of its own. What libraries print or read from the environment while they are imported is
not seen so, nor how Python takes them apart in the end: tests of that start a process of their own.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from functools import cache
from pathlib import Path
from typing import TypedDict

_ROOT = Path(__file__).resolve().parents[2]
_FAKE = "tests.cli.fake_linvt"
_LOADED = ("linvt_cli.cli.app", "linvt_cli.pipeline", "linvt_cli.training.tuning.run",
           "transformers.models.llama.modeling_llama", "typer._adapters", _FAKE)  # fmt: skip
_LONGEST = 1 << 20  # bytes of a request
_RUNNING = b"running"


class Request(TypedDict):
    """A command line that is to be run."""

    module: str  # that is run
    words: list[str]
    folder: str  # to run in
    variables: dict[str, str]


class Warm:
    """The process that forks, seen from outside."""

    def __init__(self) -> None:
        self.socket, inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with inside:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.cli.warm", str(inside.fileno())],
                cwd=_ROOT,  # a test may have gone elsewhere
                pass_fds=[inside.fileno()],
                stdin=subprocess.DEVNULL,
            )
        atexit.register(self.socket.close)

    def start(self, request: Request, files: list[int]) -> WarmProcess:
        """Start a command line with these as stdin, stdout and stderr, which may be closed then."""
        socket.send_fds(self.socket, [json.dumps(request).encode()], files)
        return WarmProcess(int(self._answer()), self)

    def end_of(self, pid: int, *, is_awaited: bool) -> int | None:
        """Return the exit code of a command line, or None while it runs."""
        self.socket.send(json.dumps([pid, 0 if is_awaited else os.WNOHANG]).encode())
        answer = self._answer()
        return None if answer == _RUNNING else int(answer)

    def _answer(self) -> bytes:
        answer = self.socket.recv(64)
        if not answer:
            raise RuntimeError("The process that starts linvt is gone")
        return answer


class WarmProcess:
    """A command line in a fork, with as much of ``subprocess.Popen`` as tests need."""

    def __init__(self, pid: int, server: Warm) -> None:
        self.pid = pid
        self._server = server
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        if self._code is None:
            self._code = self._server.end_of(self.pid, is_awaited=False)
        return self._code

    def wait(self) -> int:
        """Wait for the end, and return the exit code."""
        if self._code is None:
            self._code = self._server.end_of(self.pid, is_awaited=True)
        assert self._code is not None
        return self._code

    def send_signal(self, number: int) -> None:
        """Send a signal, if the end is not known yet."""
        if self._code is None:
            os.kill(self.pid, number)


@cache
def warm() -> Warm:
    """Return the one of this process."""
    return Warm()


def serve(requests: socket.socket) -> None:
    """Fork for each request, until nobody can send one any more."""
    while True:
        message, files, _, _ = socket.recv_fds(requests, _LONGEST, 3)
        if not message:
            os._exit(0)
        order = json.loads(message)
        if isinstance(order, list):
            ended, status = os.waitpid(*order)
            code = str(os.waitstatus_to_exitcode(status)).encode()
            requests.send(code if ended else _RUNNING)
            continue
        pid = os.fork()
        if pid == 0:
            requests.close()
            become(order, files)
            return
        for file in files:
            os.close(file)
        requests.send(str(pid).encode())


def become(request: Request, files: list[int]) -> None:
    """Make this process one that runs a command line, and leave the rest to its caller."""
    for target, file in enumerate(files):
        os.dup2(file, target)
        os.close(file)
    os.environ.clear()
    os.environ.update(request["variables"])
    os.chdir(request["folder"])
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = [request["module"], *request["words"]]


def main() -> None:
    """Load, serve, and in every fork run linvt to the end of its own code."""
    from importlib import import_module

    import typer.main

    for name in _LOADED:
        import_module(name)
    typer.main.get_command = cache(typer.main.get_command)
    typer.main.get_command(import_module("linvt_cli.cli.app").app)  # no fork need make it anew
    gc.collect()
    gc.freeze()  # forks share the memory of all that is there as long as nobody looks at it
    serve(socket.socket(fileno=int(sys.argv[1])))
    start = sys.argv[0] if sys.argv[0] == _FAKE else f"{sys.argv[0]}.__main__"
    code: object = 0
    try:
        import_module(start).main()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - as Python itself would
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    # Taking all libraries apart, as Python does in the end, takes longer than most commands.
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    main()
