"""Randomized pulls from a misbehaving hub, killed with SIGKILL at random moments."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from urllib.parse import quote

from linvt_cli.models.store import Store
from linvt_cli.models.verify import verify
from tests.models.hub_server import Fault, HubServer
from tests.models.pull_process import PULLED
from tests.models.repos import PULLED as WANTED

ROOT = Path(__file__).resolve().parents[2]
CHUNK = 16 << 20
WEIGHTS = "model.safetensors"

_PASSING = ("drop", "stall", "silent", "whole", "flip", "longer", "shorter", "loop")
_STATUSES = (401, 403, 404, 429, 500, 503, 307)
_MAX_STARTS = 60


@dataclass
class Tally:
    """What happened in all runs together."""

    runs: int = 0
    starts: int = 0
    kills: int = 0
    changes: int = 0  # of weights, under the same commit
    redirects: int = 0  # to the storage, on another host
    faults: dict[str, int] = field(default_factory=dict)
    fetched_again: int = 0  # bytes of weights


class Puller:
    """The process that forks pulls, and the one that is running."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._said: Queue[int] = Queue()
        Thread(target=self._listen, daemon=True).start()

    def start(self, endpoint: str, folder: Path) -> int:
        """Start a pull and return its process id."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{endpoint} {folder}\n")
        self._process.stdin.flush()
        return self._said.get(timeout=300)

    def end(self, timeout: float) -> int | None:
        """Return how the pull ended, or None if it is still running after so many seconds."""
        try:
            return self._said.get(timeout=timeout)
        except Empty:
            return None

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put(int(line))


@contextmanager
def pulling() -> Iterator[Puller]:
    """Keep a process ready that pulls."""
    command = [sys.executable, "-m", "tests.models.pull_process"]
    environment = {k: v for k, v in os.environ.items() if not k.endswith("OFFLINE")}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Puller(process)
        assert process.stdin is not None
        process.stdin.close()


def run_randomized(
    hub: HubServer, files: dict[str, bytes], folder: Path, *, runs: int, seed: int
) -> Tally:
    """Pull again and again, each time into an empty store, with kills, faults and changes.

    A change gives the weights other bytes under the same commit.

    Args:
        hub: where from.
        files: of the repository.
        folder: where stores are made.
        runs: how many pulls end well.
        seed: of all that is random.
    """
    tally = Tally()
    chance = random.Random(seed)  # noqa: S311
    with pulling() as puller:
        for run in range(runs):
            hub.publish("owner/name", files)
            _Run(hub, files, chance, tally).pull(puller, folder / str(run))
    return tally


class _Run:
    """One pull into an empty store: what will go wrong with it, and what did."""

    def __init__(
        self, hub: HubServer, files: dict[str, bytes], chance: random.Random, tally: Tally
    ) -> None:
        self._hub = hub
        self._listed = [files]  # what the hub had at first, and has after a change
        self._chance = chance
        self._tally = tally
        self._size = len(files[WEIGHTS])
        self._kills_left = chance.randint(1, 3)
        self._faults_left = chance.randint(0, 3)
        self._changes_left = chance.randint(0, 1)
        self._kills = self._spoilt = 0

    def pull(self, puller: Puller, folder: Path) -> None:
        """Start pulls until one ends well."""
        self._hub.sent.clear()
        self._hub.requests.clear()
        self._hub.choose_fault = self._choose
        for _ in range(_MAX_STARTS):
            ended = self._start(puller, folder)
            _require_only_right_files(folder, self._listed)
            if ended == PULLED:
                break
        else:
            raise AssertionError("it never ended well")
        _require_whole(folder, self._listed)
        sent = sum(sent.num_bytes for sent in self._hub.sent if sent.path == WEIGHTS)
        again = sent - self._size
        # A fault or a change may spoil all that was fetched before; a kill costs a chunk at most.
        allowed = self._kills * CHUNK + self._spoilt * self._size
        assert again <= allowed, (again, self._kills, self._spoilt)
        self._tally.runs += 1
        self._tally.kills += self._kills
        self._tally.redirects += sum(path.startswith("/storage/") for path in self._hub.requests)
        self._tally.fetched_again += max(again, 0)

    def _start(self, puller: Puller, folder: Path) -> int | None:
        """Start a pull, kill it or not, and return how it ended."""
        self._tally.starts += 1
        pid = puller.start(self._hub.endpoint, folder)
        ended = None
        if self._kills < self._kills_left:
            ended = _wait_for_moment(self._hub, puller, self._chance, self._size)
            if ended is None:
                os.kill(pid, signal.SIGKILL)
                self._kills += 1
        return puller.end(300) if ended is None else ended

    def _choose(self, path: str) -> Fault | None:
        """Change the weights or not, and return what goes wrong with an answer."""
        if self._changes_left and path.endswith(WEIGHTS) and self._chance.random() < 0.4:
            self._changes_left -= 1
            self._change()
        if self._faults_left == 0 or self._chance.random() < 0.5:
            return None
        self._faults_left -= 1
        self._spoilt += 1
        fault = _random_fault(self._chance, self._size, f"{self._hub.storage}{quote(path)}")
        name = f"{fault.kind} {fault.status or ''}".strip()
        self._tally.faults[name] = self._tally.faults.get(name, 0) + 1
        return fault

    def _change(self) -> None:
        self._spoilt += 1
        self._tally.changes += 1
        files = dict(self._listed[-1])
        files[WEIGHTS] = files[WEIGHTS][:-1000] + self._chance.randbytes(1000)
        self._listed.append(files)
        self._hub.change("owner/name", WEIGHTS, files[WEIGHTS])


def _wait_for_moment(
    hub: HubServer, puller: Puller, chance: random.Random, size: int
) -> int | None:
    """Let a pull go on until some random number of bytes is sent; return how it ended if it did.

    By bytes and not by time, so that a busy machine has as many kills as an idle one. A seventh of
    the moments is after the last byte: while hashing, checking and renaming.
    """
    goal = hub.num_sent + chance.uniform(0, 1.15) * size
    deadline = time.monotonic() + 0.5
    ended = None
    while ended is None and hub.num_sent < goal and time.monotonic() < deadline:
        before = hub.num_sent
        ended = puller.end(chance.uniform(0, 0.002))
        if hub.num_sent != before:
            deadline = time.monotonic() + 0.5
    return ended


def _random_fault(chance: random.Random, size: int, moved: str) -> Fault:
    if chance.random() < 0.3:
        headers = (("Retry-After", "0"), ("Location", moved))
        return Fault("status", chance.choice(_STATUSES), headers=headers)
    return Fault(chance.choice(_PASSING), after=chance.randrange(size))


def _require_only_right_files(folder: Path, listed: list[dict[str, bytes]]) -> None:
    """Whatever has its final name has the right bytes, at any moment."""
    for snapshot in folder.glob("hub/owner--name/" + "[0-9a-f]" * 40):
        for path in snapshot.iterdir():
            content = path.read_bytes()
            assert any(content == files[path.name] for files in listed), path


def _require_whole(folder: Path, listed: list[dict[str, bytes]]) -> None:
    """A pull that began before a change may end with what was listed then."""
    (model,) = Store(folder).pulled()
    assert {file.path for file in model.manifest.files} == WANTED
    assert verify(model) == []
    _require_only_right_files(folder, listed)
