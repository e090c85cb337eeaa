"""Frames that are drawn in memory, as if they had been decoded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from linvt_cli.types import Frames, VideoInfo

SIZE = (72, 96)


def noise(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Random colours."""
    pixels: np.ndarray = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    return pixels


def room(x: int | None, side: int = 16, seed: int = 0) -> np.ndarray:
    """A grey wall with a little noise, and a light box before it at column x."""
    pixels: np.ndarray = np.full((*SIZE, 3), 90, np.uint8) + noise(seed) // 100
    if x is not None:
        pixels[30 : 30 + side, max(0, x) : x + side] = 220
    return pixels


def drawn_frames(
    pictures: Sequence[np.ndarray], fps: float = 10, times: Sequence[float] | None = None
) -> Frames:
    """Frames at a rate, or at the times that are given."""
    shown = [number / fps for number in range(len(pictures))] if times is None else list(times)
    duration = shown[-1] + 1 / fps
    info = VideoInfo(Path("drawn.mp4"), SIZE[1], SIZE[0], duration, len(shown), "drawn", "pyav")
    return Frames(np.stack(pictures), tuple(shown), info, coverage=1.0)
