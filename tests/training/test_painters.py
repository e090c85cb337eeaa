from __future__ import annotations

import numpy as np
import pytest

from linvt_cli.training.painters import PAINTERS, TEST_PAINTERS, Painter


def test_some_kinds_are_kept_for_the_test_split() -> None:
    assert set(TEST_PAINTERS) - set(PAINTERS)
    assert set(PAINTERS) - set(TEST_PAINTERS)


@pytest.mark.parametrize("painter", sorted({*PAINTERS, *TEST_PAINTERS}, key=str))
def test_every_painter_fills_the_picture_and_varies(painter: Painter) -> None:
    pictures = [painter(90, 60, np.random.default_rng(seed)) for seed in range(10)]
    assert {picture.size for picture in pictures} == {(90, 60)}
    assert {picture.mode for picture in pictures} == {"RGB"}
    assert len({picture.tobytes() for picture in pictures}) >= 5
