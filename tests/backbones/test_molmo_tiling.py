"""Molmo's tiling against that of its public image processor, restated here pixel by pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from linvt_cli.backbones.molmo_tiling import fitted, overview_cover

SIZES = (
    (360, 640),
    (640, 360),
    (720, 1280),
    (1080, 1920),
    (480, 480),
    (336, 336),
    (90, 160),
    (112, 112),
    (112, 640),
    (2000, 113),
    (300, 7),
    (1, 1),
)


def scaled(height: int, width: int, box: tuple[int, int]) -> tuple[int, int]:
    tall = np.array(box[0], np.float32) / np.array(height, np.float32)
    wide = np.array(box[1], np.float32) / np.array(width, np.float32)
    found = (int(np.array(side, np.float32) * min(tall, wide)) for side in (height, width))
    inner_height, inner_width = (max(side, 1) for side in found)  # the public code fails on none
    return inner_height, inner_width


def tiles(height: int, width: int, window: int) -> tuple[int, int]:
    """Of 1 to 12 crops: the least enlargement, else the least shrinking; the fewest of equals."""
    best, best_scale = (1, 1), None
    for count in range(1, 13):
        for rows in (rows for rows in range(1, count + 1) if count % rows == 0):
            columns = count // rows
            sides = ((rows * window, height), (columns * window, width))
            scale = min(
                np.float32(side) / np.float32(shown) if shown else np.float32(np.inf)
                for side, shown in sides
            )
            if best_scale is None:
                better = True
            elif scale >= 1:
                better = bool(best_scale < 1 or scale < best_scale)
            else:
                better = bool(best_scale < scale)
            if better:
                best, best_scale = (rows, columns), scale
    return best


def public_cover(
    height: int, width: int, size: int, patch: int, margin: int
) -> np.ndarray[Any, Any]:
    """The mask of the first crop, which stands where the overview does: (N,)."""
    margins = 2 * margin * patch
    window = size - margins
    rows, columns = tiles(height - margins, width - margins, window)
    whole = (rows * window + margins, columns * window + margins)
    inner = scaled(height, width, whole)
    top, left = ((whole[side] - inner[side]) // 2 for side in (0, 1))
    mask = np.zeros(whole, bool)
    mask[top : top + inner[0], left : left + inner[1]] = True
    cells = size // patch
    first = mask[:size, :size].reshape(cells, patch, cells, patch).transpose(0, 2, 1, 3)
    shares: np.ndarray[Any, Any] = first.reshape(cells**2, -1).astype(np.float32).mean(axis=1)
    return shares


@pytest.mark.parametrize("size", SIZES)
def test_the_overview_carries_the_padding_of_the_first_crop(size):
    height, width = size
    found = overview_cover(height, width, size=336, patch=14)
    expected = public_cover(height, width, 336, 14, 4)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.array_equal(found == 0, expected == 0)
    assert np.array_equal(found < 1, expected < 1)


def test_a_wide_video_has_padding_above_and_none_below():
    cover = overview_cover(360, 640, size=336, patch=14).reshape(24, 24)
    assert (cover[:4] == 0).all()
    assert (cover[5:] == 1).all()


@pytest.mark.parametrize("size", SIZES)
def test_a_picture_just_fits_into_its_box(size):
    height, width = size
    found = fitted(height, width, (336, 336))
    assert found == scaled(height, width, (336, 336))
    assert max(found) in (335, 336)
