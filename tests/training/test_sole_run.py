from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from linvt_cli.errors import ConfigError
from linvt_cli.training.sole_run import sole_run

HOLD = """
import sys, time
from pathlib import Path
from linvt_cli.training.sole_run import sole_run
with sole_run(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_folder_takes_one_command_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "mine"
    with (
        sole_run(folder),
        pytest.raises(ConfigError, match="Another command works"),
        sole_run(folder),
    ):
        pass
    with sole_run(folder):
        pass


def test_a_killed_command_lets_go_of_its_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ConfigError, match="Another command works"), sole_run(tmp_path):
            pass
        holder.kill()
    with sole_run(tmp_path):
        pass


def test_a_file_system_without_locks_is_good_enough(tmp_path, monkeypatch):
    def refuse(file: object, how: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with sole_run(tmp_path):
        pass
