"""Pulls onto a disk of a few megabytes that fills up, and then cannot be written.

Runs in a mount namespace of its own: ``unshare -Urm python -m tests.models.small_disk URL FOLDER``.
Says how each step ended, one word a line.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from linvt_cli.errors import LinVTError
from linvt_cli.models.hub import Hub
from linvt_cli.models.pull import pull
from linvt_cli.models.source import HubSource
from linvt_cli.models.store import Store
from linvt_cli.models.verify import verify
from tests.models.conftest import Noted


class HopefulStore(Store):
    """A store that believes in endless room, as if others filled the disk during the pull."""

    def free_bytes(self) -> int:
        """Return too much."""
        return sys.maxsize


def main(endpoint: str, folder: Path) -> None:
    """Go through all steps."""
    hub = Hub(endpoint)
    mount("-t", "tmpfs", "-o", "size=4m", "none", str(folder))
    step("early", hub, Store(folder), "owner/name")
    step("full", hub, HopefulStore(folder), "owner/name")
    mount("-o", "remount,size=64m", str(folder))
    step("room", hub, Store(folder), "owner/name")
    mount("-o", "remount,ro", str(folder))
    step("read-only", hub, Store(folder), "owner/other")
    (model,) = Store(folder).pulled()
    model.note_use()
    say("whole" if not verify(model) else "damaged")


def step(name: str, hub: Hub, store: Store, repo: str) -> None:
    """Pull, and say how that ended and how many bytes are there."""
    try:
        pull(HubSource(repo), store=store, watcher=Noted(), hub=hub)
    except LinVTError as error:
        say(f"{name} {type(error).__name__} {len(store.pulled())}")
    else:
        say(f"{name} done {len(store.pulled())}")


def mount(*arguments: str) -> None:
    """Run the system's command."""
    subprocess.run(["mount", *arguments], check=True)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
