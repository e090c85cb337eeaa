"""One command at a time in a run's folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from linvt_cli.errors import ConfigError

_LOCK = "run.lock"


@contextmanager
def sole_run(run_dir: Path) -> Iterator[None]:
    """Keep other commands out of a run folder, made if need be; a dead command lets go of it.

    Raises:
        ConfigError: another command works there.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    with (run_dir / _LOCK).open("a") as file:
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ConfigError(
                    f"Another command works in '{run_dir}'",
                    field="output",
                    hint="wait for its end, or name another folder with -o",
                ) from error
            except OSError:
                pass  # a file system without locks
        yield
