from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from linvt_cli.video.index import Orientation
from linvt_cli.video.shrink import fit, resize, target_size, upright


@pytest.mark.parametrize(
    ("shown", "short_side", "size"),
    [
        ((1080, 1920), 448, (448, 796)),
        ((1920, 1080), 448, (796, 448)),
        ((240, 320), 448, (240, 320)),
        ((240, 320), None, (240, 320)),
        ((4000, 8), 4, (2000, 4)),
        ((1, 5000), 448, (1, 5000)),
    ],
)
def test_the_short_side_is_shrunk_and_never_enlarged(shown, short_side, size):
    assert target_size(shown, short_side) == size


def test_resizing_equals_the_image_processors_bicubic_within_a_level():
    pixels = np.random.default_rng(0).integers(0, 256, (270, 480, 3), dtype=np.uint8)
    expected = Image.fromarray(pixels).resize((160, 90), Image.Resampling.BICUBIC)
    difference = resize(pixels, (90, 160)).astype(int) - np.asarray(expected)
    assert np.abs(difference).max() <= 1


def test_frames_of_the_right_size_are_left_as_they_are():
    pixels = np.random.default_rng(0).integers(0, 256, (9, 16, 3), dtype=np.uint8)
    assert np.array_equal(resize(pixels[:, ::-1], (9, 16)), pixels[:, ::-1])


def test_another_shape_gets_black_edges_and_is_not_stretched():
    white = np.full((20, 40, 3), 255, np.uint8)
    fitted = fit(white, (20, 40), (40, 40))
    assert fitted[10:30].min() == 255
    assert fitted[:10].max() == fitted[30:].max() == 0
    assert fit(white, (40, 40), (40, 40)).min() == 255  # its pixels are twice as high as wide
    assert fit(white, (240, 427), (480, 848)).min() == 255


def test_turned_views_are_resized_too():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 32, 3), dtype=np.uint8)
    turned = upright(pixels, Orientation(transpose=True, flip_x=True))
    assert np.array_equal(turned, np.rot90(pixels, -1))
    assert resize(turned, (16, 32)).shape == (16, 32, 3)


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (Orientation(), [[1, 2], [3, 4]]),
        (Orientation(flip_x=True), [[2, 1], [4, 3]]),
        (Orientation(flip_y=True), [[3, 4], [1, 2]]),
        (Orientation(transpose=True), [[1, 3], [2, 4]]),
        (Orientation(transpose=True, flip_y=True), [[2, 4], [1, 3]]),
    ],
)
def test_orientation_transposes_then_mirrors(orientation, expected):
    picture = np.array([[1, 2], [3, 4]], np.uint8)[:, :, None].repeat(3, axis=2)
    assert upright(picture, orientation)[:, :, 0].tolist() == expected
