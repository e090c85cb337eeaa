"""A process that decodes, and can be killed when a file makes it hang."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import BinaryIO, cast

from linvt_cli.errors import DecoderCrashedError, DecodeTimeoutError, VideoError
from linvt_cli.video.decode_worker import (
    Decoded,
    DecodeJob,
    job_line,
    outcome_of,
    read_pixels,
    source_of,
)
from linvt_cli.video.files import shown_name

# The child finds the modules that this process would; -P keeps the current folder out of it.
_START = """
import json, sys
sys.path[:] = json.loads(sys.argv.pop(1))
from linvt_cli.video.decode_worker import main
main()
"""


def worker_command() -> tuple[str, ...]:
    """Return the command line of a process that decodes."""
    return (sys.executable, "-P", "-c", _START, json.dumps(sys.path))


class DecodeProcess:
    """Decodes one video after the other in a process of its own.

    The process is started with the first job, and anew after it was killed or has crashed.

    Args:
        timeout: seconds for one video, after which the process is killed; may be infinite.
        threads: that decode in it; 0 for one on each core.
        command: what is started.
    """

    def __init__(
        self, *, timeout: float, threads: int = 0, command: Sequence[str] | None = None
    ) -> None:
        self._timeout = timeout
        self._threads = threads
        self._command = tuple(command or worker_command())
        self._process: subprocess.Popen[bytes] | None = None
        self._messages = _file_without_name()
        self._pixels = _file_without_name()
        self._lock = threading.Lock()  # of what is said of the process
        self._busy = threading.Lock()  # while it decodes
        self._is_closed = False

    def decode(self, job: DecodeJob, admit: Callable[[int], object] = lambda _: None) -> Decoded:
        """Decode a video. However the process ends, there is an outcome.

        Args:
            job: what to decode.
            admit: called with the number of bytes of the pixels before they are taken over; it may
                wait until there is room for them.
        """
        with self._busy:
            process = self._running()
            if process is None:
                return Decoded(
                    VideoError("linvt is ending", path=job.video, hint="ask again"), None
                )
            return self._decode(process, job, admit)

    def stop(self) -> None:
        """End the process now, for good; may be called from another thread while it decodes."""
        with self._lock:
            self._is_closed = True
            if self._process is not None:
                self._process.kill()

    def close(self) -> None:
        """End the process, and let go of all that led to it."""
        self.stop()
        with self._busy:
            self._let_go()
            self._messages.close()
            self._pixels.close()

    def _decode(
        self, process: subprocess.Popen[bytes], job: DecodeJob, admit: Callable[[int], object]
    ) -> Decoded:
        expired = threading.Event()
        timer = threading.Timer(
            min(self._timeout, threading.TIMEOUT_MAX), _expire, args=(process, expired)
        )
        timer.daemon = True
        timer.start()
        inlet, outlet = cast("BinaryIO", process.stdin), cast("BinaryIO", process.stdout)
        source = None
        try:
            inlet.write(job_line(job))
            inlet.flush()
            header = json.loads(outlet.readline())
            if header.keys() == {"source"}:
                source = source_of(header)
                header = json.loads(outlet.readline())
            timer.cancel()
            if "error" in header:
                return outcome_of(header, None, job.video)
            admit(math.prod(header["shape"]))
            return outcome_of(header, read_pixels(header, self._pixels.fileno()), job.video)
        except (ValueError, EOFError, BrokenPipeError):  # no line, or not all of it
            return Decoded(self._how_it_ended(process, job.video, expired.is_set()), source)
        finally:
            timer.cancel()
            timer.join()

    def _running(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._is_closed:
                return None
            if self._process is None or self._process.poll() is not None:
                self._let_go()
                self._messages.seek(0)
                self._messages.truncate()
                # A group of its own: Ctrl-C on the terminal is not for it.
                self._process = subprocess.Popen(  # noqa: S603
                    [*self._command, str(self._pixels.fileno()), str(self._threads)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._messages,
                    pass_fds=(self._pixels.fileno(),),
                    process_group=0,
                )
            return self._process

    def _let_go(self) -> None:
        """End the process, if there is one, and close what led to it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for end in (self._process.stdin, self._process.stdout):
                with suppress(BrokenPipeError):
                    cast("BinaryIO", end).close()
        self._process = None

    def _how_it_ended(
        self, process: subprocess.Popen[bytes], video: str, expired: bool
    ) -> VideoError:
        process.kill()
        code = process.wait()
        name = shown_name(video)
        if expired:
            return DecodeTimeoutError(
                f"{name} could not be decoded within {self._timeout:g} s",
                path=video,
                timeout=self._timeout,
                hint="give it longer with --decode-timeout; a file that hangs is damaged",
            )
        how = signal.Signals(-code).name if -code in set(signal.Signals) else f"code {code}"
        return DecoderCrashedError(
            f"The decoder crashed ({how}) on {name}{self._last_words()}",
            path=video,
            hint="the file is damaged, or memory ran out: ask for fewer frames",
        )

    def _last_words(self) -> str:
        self._messages.seek(0)
        lines = self._messages.read().decode("utf-8", errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return f": {said[-1][:200]}" if said else ""


def _expire(process: subprocess.Popen[bytes], expired: threading.Event) -> None:
    expired.set()
    process.kill()


def _file_without_name() -> BinaryIO:
    """Return a file in memory, where the system has such; it is gone when nobody has it open."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("linvt"), "w+b", buffering=0)
    return cast("BinaryIO", tempfile.TemporaryFile(buffering=0))
