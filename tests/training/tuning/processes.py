"""Commands that run as several processes, as torchrun starts them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[3]


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port: int = asked.getsockname()[1]
        return port


def run_together(arguments: Sequence[str], processes: int) -> None:
    """Run Python with arguments in so many processes, all of which must end well."""
    port = free_port()
    started = []
    for rank in range(processes):
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "TORCHDYNAMO_DISABLE": "1",  # bitsandbytes would load a compiler that nothing uses
        }
        if processes > 1:
            environment |= {
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": str(processes),
                "LOCAL_WORLD_SIZE": str(processes),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
            }
        command = [sys.executable, *arguments]
        started.append(
            subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        )
    try:
        errors = [process.communicate()[1] for process in started]
    finally:
        for process in started:  # where one fails, the others wait for it
            process.kill()
            process.wait()
    assert [process.returncode for process in started] == [0] * processes, errors
