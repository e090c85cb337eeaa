from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.models.repos import honest_repo

ROOT = Path(__file__).resolve().parents[2]
ALONE = ("unshare", "--user", "--map-root-user", "--mount")


def may_mount() -> bool:
    """Whether this system gives a process disks of its own."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not may_mount(), reason="needs namespaces of Linux")
def test_a_full_and_a_read_only_disk_are_told_and_break_nothing(hub, tmp_path):
    hub.publish("owner/name", honest_repo(6_000_000))
    hub.publish("owner/other", honest_repo(1000))
    command = [*ALONE, sys.executable, "-m", "tests.models.small_disk", hub.endpoint, tmp_path]
    environment = {name: v for name, v in os.environ.items() if not name.endswith("OFFLINE")}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == [
        "early DiskFullError 0",
        "full DiskFullError 0",
        "room done 1",
        "read-only StoreNotWritableError 1",
        "whole",
    ], done.stderr
    # What the full disk had taken was not fetched again.
    starts = [sent.start for sent in hub.sent if sent.path == "model.safetensors"]
    assert starts[0] == 0
    assert starts[-1] > 2_000_000
