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
    """Pull again and again, each time into an empty store, with kills and faults.

    Args:
        hub: where from.
        files: of the repository.
        folder: where stores are made.
        runs: how many pulls end well.
        seed: of all that is random.
    """
    hub.publish("owner/name", files)
    tally = Tally()
    chance = random.Random(seed)  # noqa: S311
    with pulling() as puller:
        for run in range(runs):
            _run(hub, puller, files, folder / str(run), chance, tally)
    return tally


def _run(
    hub: HubServer,
    puller: Puller,
    files: dict[str, bytes],
    folder: Path,
    chance: random.Random,
    tally: Tally,
) -> None:
    hub.sent.clear()
    kills_left, kills = chance.randint(1, 3), 0
    faults_left, faults = chance.randint(0, 3), 0

    def choose(path: str) -> Fault | None:
        nonlocal faults_left, faults
        if faults_left == 0 or chance.random() < 0.5:
            return None
        faults_left, faults = faults_left - 1, faults + 1
        moved = f"{hub.storage}{quote(path)}"
        fault = _random_fault(chance, len(files[WEIGHTS]), moved)
        name = f"{fault.kind} {fault.status or ''}".strip()
        tally.faults[name] = tally.faults.get(name, 0) + 1
        return fault

    hub.choose_fault = choose
    for _ in range(_MAX_STARTS):
        tally.starts += 1
        pid = puller.start(hub.endpoint, folder)
        ended = None
        if kills < kills_left:
            ended = _wait_for_moment(hub, puller, chance, len(files[WEIGHTS]))
            if ended is None:
                os.kill(pid, signal.SIGKILL)
                kills += 1
        if ended is None:
            ended = puller.end(300)
        _require_only_right_files(folder, files)
        if ended == PULLED:
            break
    else:
        raise AssertionError("it never ended well")
    tally.runs += 1
    tally.kills += kills
    _require_whole(folder, files)
    again = sum(sent.num_bytes for sent in hub.sent if sent.path == WEIGHTS) - len(files[WEIGHTS])
    # A fault may spoil all that was fetched before; a kill costs a chunk at most.
    assert again <= kills * CHUNK + faults * len(files[WEIGHTS]), (again, kills, faults)
    tally.fetched_again += max(again, 0)


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


def _require_only_right_files(folder: Path, files: dict[str, bytes]) -> None:
    """Whatever has its final name has the right bytes, at any moment."""
    for snapshot in folder.glob("hub/owner--name/" + "[0-9a-f]" * 40):
        for path in snapshot.iterdir():
            assert path.read_bytes() == files[path.name], path


def _require_whole(folder: Path, files: dict[str, bytes]) -> None:
    (model,) = Store(folder).pulled()
    assert {file.path for file in model.manifest.files} == WANTED
    assert verify(model) == []
    _require_only_right_files(folder, files)
