"""Pictures of high dynamic range (HDR) as a standard screen shows them.

The values of such a picture (ITU-R BT.2100) mean other light than those of a standard one, and its
red, green and blue are deeper (BT.2020 instead of BT.709). Taken for a standard one it looks pale,
with PQ grey as well.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Transfer = Literal["standard", "hlg", "pq"]

_TRANSFERS: dict[int, Transfer] = {16: "pq", 18: "hlg"}  # numbers of ISO/IEC 23091-2
_GAMMA = 2.4  # of a standard screen
_WHITE = 203.0  # cd/m², of paper in an HDR picture (ITU-R BT.2408)
_PEAK = 1000.0 / _WHITE  # what is as bright, or brighter, becomes the brightest white
# Light in the primaries of BT.2020 to light in those of BT.709 (ITU-R BT.2087).
_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    np.float32,
)


def transfer_of(number: int) -> Transfer:
    """Return what the values of a picture mean, by the number that its video gives."""
    return _TRANSFERS.get(number, "standard")


def as_standard(pixels: np.ndarray, transfer: Transfer) -> np.ndarray:
    """Return pixels as a standard screen shows them: (…, 3) uint8 -> the same.

    Bright parts of PQ are compressed (extended Reinhard, on the brightest of the three channels);
    HLG is made so that a standard screen shows its brightness right.
    """
    if transfer == "standard":
        return pixels
    values = np.arange(256, dtype=np.float32) / 255
    light = (_pq_light(values) if transfer == "pq" else values**_GAMMA)[pixels]
    light = np.clip(light @ _TO_BT709.T, 0, None)
    if transfer == "pq":
        brightest = light.max(axis=-1, keepdims=True)
        light *= (1 + brightest / _PEAK**2) / (1 + brightest)
    shown = np.clip(light, 0, 1) ** (1 / _GAMMA)
    standard: np.ndarray = np.rint(255 * shown).astype(np.uint8)
    return standard


def _pq_light(values: np.ndarray) -> np.ndarray:
    """Return the light that values of PQ mean, in units of white (SMPTE ST 2084)."""
    root = values ** (1 / 78.84375)
    light = np.clip(root - 0.8359375, 0, None) / (18.8515625 - 18.6875 * root)
    relative: np.ndarray = light ** (1 / 0.1593017578125) * (10000 / _WHITE)
    return relative
