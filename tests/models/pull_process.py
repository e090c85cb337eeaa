"""Pulls in processes of their own, to be killed. Reads ``endpoint folder`` lines on stdin.

Importing the hub's library takes longer than a small pull, so it is done once: each line forks a
process that pulls, says its id on stdout, and once it is gone, how it ended.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from linvt_cli.errors import LinVTError
from linvt_cli.models.hub import Hub
from linvt_cli.models.patience import Patience
from linvt_cli.models.pull import pull
from linvt_cli.models.source import HubSource
from linvt_cli.models.store import Store
from tests.models.conftest import Noted

PULLED, REFUSED = 0, 9


def main() -> None:
    """Pull once for each line."""
    for line in sys.stdin:
        endpoint, _, folder = line.rstrip("\n").partition(" ")
        child = os.fork()
        if child == 0:
            os._exit(pull_once(endpoint, Path(folder)))
        say(child)
        _, status = os.waitpid(child, 0)
        say(os.waitstatus_to_exitcode(status))


def pull_once(endpoint: str, folder: Path) -> int:
    """Pull into a store and return an exit code."""
    try:
        pull(
            HubSource("owner/name"),
            store=Store(folder),
            watcher=Noted(),
            hub=Hub(endpoint, stall=1.0),
            patience=Patience(attempts=3, first_wait=0.001),
        )
    except LinVTError:
        return REFUSED
    return PULLED


def say(number: int) -> None:
    """Print a number at once."""
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
