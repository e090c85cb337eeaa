"""Frames that show their own number: ten black or white blocks, one for each bit."""

from __future__ import annotations

import numpy as np

WIDTH, HEIGHT = 160, 128
_COLUMNS, _ROWS = 5, 2
_GROUND = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH * 3, 3), dtype=np.uint8)


def draw(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A picture of the number, with a moving ground under it that gives a coder work."""
    shift = 2 * number % WIDTH
    ground = np.resize(_GROUND[:, shift : shift + WIDTH], (height, width, 3))
    picture = ground // 4
    for bit in range(_COLUMNS * _ROWS):
        if number >> bit & 1:
            picture[_block(bit, height, width)] += 180
    return picture


def read(picture: np.ndarray) -> int:
    """The number that a picture shows."""
    height, width = picture.shape[:2]
    bits = range(_COLUMNS * _ROWS)
    return sum(1 << bit for bit in bits if _middle(picture, _block(bit, height, width)) > 112)


def _block(bit: int, height: int, width: int) -> tuple[slice, slice]:
    row, column = divmod(bit, _COLUMNS)
    return (
        slice(row * height // _ROWS, (row + 1) * height // _ROWS),
        slice(column * width // _COLUMNS, (column + 1) * width // _COLUMNS),
    )


def _middle(picture: np.ndarray, block: tuple[slice, slice]) -> float:
    area = picture[block]
    height, width = area.shape[:2]
    return float(area[height // 4 : -height // 4, width // 4 : -width // 4].mean())
