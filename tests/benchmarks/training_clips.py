"""Videos to train on, with a question and an answer to each."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from linvt_cli.video.writer import write_video

ANSWER = "A dog runs to the left, jumps over a fence, and then a cat comes in from the right side."


def write_data(folder: Path, count: int, frames: int, size: tuple[int, int]) -> Path:
    """Write videos of drifting stripes over noise, with a question to each."""
    width, height = size
    rows = []
    for number in range(count):
        rng = np.random.default_rng(number)
        noise = rng.integers(0, 64, (height, width, 3), dtype=np.uint8)
        places = np.arange(width)
        drawn = (
            noise
            + ((places + (number + 3) * moment) // 40 % 4 * 60).astype(np.uint8)[None, :, None]
            for moment in range(frames)
        )
        write_video(folder / f"{number}.mp4", drawn, 16.0)
        rows.append({"video": f"{number}.mp4", "question": "What happens?", "answer": ANSWER})
    data = folder / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return data
