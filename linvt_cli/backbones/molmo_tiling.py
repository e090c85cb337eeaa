"""How Molmo cuts a picture into crops, and what that says of padding in the overview.

Molmo sees an overview of a picture and, which linvt leaves out, crops of a larger copy. Its code
joins the overview to the front of the crops and its mark to the end of their marks, so that it was
trained on overviews with the padding of the first crop.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_MAX_CROPS = 12
_PER_MARGIN = 6  # crops overlap by margins of a sixth of their cells: 4 of 24


def fitted(height: int, width: int, box: tuple[int, int]) -> tuple[int, int]:
    """Return height and width of a picture that is scaled to just fit into a box.

    In float32, as in training: it decides about the last pixel.
    """
    scale = min(np.float32(box[0]) / np.float32(height), np.float32(box[1]) / np.float32(width))
    inner_height, inner_width = (max(1, int(np.float32(side) * scale)) for side in (height, width))
    return inner_height, inner_width


def overview_cover(height: int, width: int, *, size: int, patch: int) -> np.ndarray[Any, Any]:
    """Return the share of each cell that Molmo takes for picture, not padding: (N,) in [0, 1].

    Args:
        height: of the picture.
        width: of the picture.
        size: side of the overview, in pixels, and of a crop.
        patch: side of a cell, in pixels.
    """
    margins = 2 * (size // patch // _PER_MARGIN) * patch
    window = size - margins
    rows, columns = _tiling(height - margins, width - margins, window)
    whole = (rows * window + margins, columns * window + margins)
    inner = fitted(height, width, whole)
    down, across = (
        _first_cells(*sides, size=size, patch=patch) for sides in zip(whole, inner, strict=True)
    )
    return np.outer(down, across).ravel()


def _tiling(height: int, width: int, window: int) -> tuple[int, int]:
    """Return in how many rows and columns of windows a picture is cut.

    The fewest that it need not be shrunk for and is enlarged least; else those that shrink it
    least. Without its margins a small picture may have no size left, or less.
    """
    tilings = sorted(
        (
            (rows, columns)
            for rows in range(1, _MAX_CROPS + 1)
            for columns in range(1, _MAX_CROPS // rows + 1)
        ),
        key=lambda tiling: (tiling[0] * tiling[1], tiling[0]),
    )
    sizes = np.array(tilings, np.float32) * window
    with np.errstate(divide="ignore"):
        scales = (sizes / np.array([height, width], np.float32)).min(axis=1)
    if (scales < 1).all():
        return tilings[int(scales.argmax())]
    return tilings[int(np.where(scales < 1, np.inf, scales).argmin())]


def _first_cells(whole: int, inner: int, *, size: int, patch: int) -> np.ndarray[Any, Any]:
    """Return the covered shares of the first cells along one side, the picture in the middle."""
    shown = np.zeros(whole, np.float32)
    start = (whole - inner) // 2
    shown[start : start + inner] = 1
    shares: np.ndarray[Any, Any] = shown[:size].reshape(-1, patch).mean(axis=1)
    return shares
