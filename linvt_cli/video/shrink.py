"""From decoded pixels to upright frames of the wanted size with square pixels."""

from __future__ import annotations

import numpy as np

from linvt_cli.video.index import Orientation

_SAME_SHAPE = 0.02  # of a side may be missing


def target_size(shown_size: tuple[int, int], short_side: int | None) -> tuple[int, int]:
    """Height and width with the shorter side at most ``short_side``; never larger than shown."""
    height, width = shown_size
    if short_side is None or min(height, width) <= short_side:
        return height, width
    scale = short_side / min(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def upright(pixels: np.ndarray, orientation: Orientation) -> np.ndarray:
    """A view of ``(H, W, 3)`` pixels, turned and mirrored as the file says."""
    if orientation.transpose:
        pixels = pixels.swapaxes(0, 1)
    if orientation.flip_x:
        pixels = pixels[:, ::-1]
    if orientation.flip_y:
        pixels = pixels[::-1]
    return pixels


def fit(pixels: np.ndarray, shown_size: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """Upright pixels resized to height and width; black edges where their shape is another one.

    ``shown_size`` is what height and width of the pixels are where these are square.
    """
    scale = min(size[0] / shown_size[0], size[1] / shown_size[1])
    height, width = (max(1, round(side * scale)) for side in shown_size)
    # Coders round sizes to even numbers: nobody sees so little stretching.
    if all(
        whole - side <= max(1, _SAME_SHAPE * whole)
        for whole, side in zip(size, (height, width), strict=True)
    ):
        return resize(pixels, size)
    canvas = np.zeros((*size, 3), np.uint8)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    canvas[top : top + height, left : left + width] = resize(pixels, (height, width))
    return canvas


def resize(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """``(H, W, 3)`` uint8 pixels resized to height and width by antialiased bicubic interpolation.

    The same as the image processors' PIL bicubic within one level. On channels-last uint8 PyTorch
    has a vectorized kernel, ten times as fast as PIL; other layouts and types lose it.
    """
    if pixels.shape[:2] == size:
        return np.ascontiguousarray(pixels)
    import torch

    batch = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1).unsqueeze(0)
    resized = torch.nn.functional.interpolate(
        batch, size=size, mode="bicubic", antialias=True, align_corners=False
    )
    return np.ascontiguousarray(resized[0].permute(1, 2, 0).numpy())
