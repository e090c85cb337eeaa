"""Stands for the process that decodes, without its imports: names say what happens to a video.

It answers with one grey frame as large as the number at the end of the name; ``hang`` waits for
ever, ``crash`` dies, ``half`` dies in the middle of its answer, ``slow`` takes a moment. ``read``
says what the file holds before anything else happens.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

HEADER: dict[str, Any] = {
    "source": {"digest": "sha256:0", "size": 1},
    "times": [0.0],
    "video": {
        "path": "/x",
        "width": 1,
        "height": 1,
        "duration": 1.0,
        "num_frames": 1,
        "codec": "none",
        "decoder": "pyav",
    },
    "coverage": 1.0,
    "warnings": [],
    "seconds": 0.1,
}


def write(content: bytes) -> None:
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def main() -> None:
    for line in sys.stdin.buffer:
        name = json.loads(line)["video"]
        if log := os.environ.get("FAKE_WORKER_LOG"):
            with open(log, "a", encoding="utf-8") as file:  # noqa: PTH123 - no imports
                file.write(f"{name}\n")
        if "read" in name:
            write(json.dumps({"source": HEADER["source"]}).encode() + b"\n")
        if "hang" in name:
            time.sleep(1000)
        if "crash" in name:
            sys.stderr.write("first words\nlast words\n")
            sys.exit(3)
        if "slow" in name:
            time.sleep(0.3)
        digits = "".join(letter for letter in name if letter.isdigit())
        size = int(digits or 1)
        header = json.dumps({**HEADER, "shape": [1, 1, size, 3]}).encode()
        if "half" in name:
            write(header[:20])
            os.kill(os.getpid(), 9)
        os.ftruncate(int(sys.argv[1]), 0)
        os.pwrite(int(sys.argv[1]), b"\x80" * size * 3, 0)
        write(header + b"\n")


if __name__ == "__main__":
    main()
