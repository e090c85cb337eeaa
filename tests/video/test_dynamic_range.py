from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from linvt_cli.config import FrameSampling
from linvt_cli.errors import VideoDecodeError
from linvt_cli.video.dynamic_range import Transfer, as_standard, transfer_of
from linvt_cli.video.reader import read_frames

# xy coordinates of red, green and blue (ITU-R BT.2020 and BT.709), and of D65
BT2020 = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
BT709 = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
D65 = (0.3127, 0.3290)


def to_xyz(primaries) -> np.ndarray:
    """Return the matrix from light in primaries to XYZ."""
    columns: np.ndarray = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    white = np.array([D65[0] / D65[1], 1, (1 - D65[0] - D65[1]) / D65[1]])
    return np.asarray(columns * np.linalg.solve(columns, white))


def hlg_of(standard: np.ndarray) -> np.ndarray:
    """Return the HLG values, in [0, 1], that a standard screen shows as standard pixels."""
    light = (standard / 255) ** 2.4 @ (np.linalg.inv(to_xyz(BT2020)) @ to_xyz(BT709)).T
    return np.asarray(np.clip(light, 0, 1) ** (1 / 2.4))


def pq(nits: float) -> float:
    """The inverse EOTF of SMPTE ST 2084."""
    power = (nits / 10000) ** (2610 / 16384)
    return float(((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32))


COLOURS = np.array(
    [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [200, 120, 40]], np.uint8
)


def test_colours_come_out_as_they_were_before_they_became_hlg():
    wide = np.rint(255 * hlg_of(COLOURS)).astype(np.uint8)
    assert np.abs(wide.astype(int) - COLOURS).max() > 50  # taken for standard ones they are others
    shown = as_standard(wide, "hlg")
    assert shown.dtype == np.uint8
    # 8 bits leave a deep colour's missing channels only nearly so.
    assert np.abs(shown.astype(int) - COLOURS)[:3].max() < 30
    assert np.abs(shown.astype(int) - COLOURS)[3:].max() <= 2


@pytest.mark.parametrize(("nits", "least", "most"), [(0, 0, 0), (203, 180, 205), (1000, 253, 255)])
def test_grey_of_pq_is_as_bright_as_its_light(nits, least, most):
    grey = np.full((2, 2, 3), round(255 * pq(nits)), np.uint8)
    shown = as_standard(grey, "pq")
    assert shown.max() - shown.min() <= 1
    assert least <= shown.min() <= shown.max() <= most


def test_more_light_is_never_darker():
    ramp = np.arange(256, dtype=np.uint8)[:, None].repeat(3, 1)
    for transfer in ("pq", "hlg"):
        assert (np.diff(as_standard(ramp, transfer).astype(int), axis=0) >= 0).all()


def test_standard_pixels_are_left_alone():
    assert as_standard(COLOURS, transfer_of(1)) is COLOURS


def write_wide(path: Path, transfer: int, colour: np.ndarray, layout: str) -> None:
    """Write frames of one colour, whose values are given in [0, 1], as HDR video."""
    depth = 10 if "10" in layout else 8
    kr, kb = 0.2627, 0.0593  # ITU-R BT.2020
    red, green, blue = colour
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    planes = (
        16 + 219 * luma,
        128 + 224 * (blue - luma) / (2 - 2 * kb),
        128 + 224 * (red - luma) / (2 - 2 * kr),
    )
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, layout
        coder = stream.codec_context
        coder.color_trc, coder.color_primaries, coder.colorspace = transfer, 9, 9
        coder.color_range = 1
        for number in range(5):
            frame = av.VideoFrame(64, 48, layout)
            for plane, value in zip(frame.planes, planes, strict=True):
                coded = np.full(
                    plane.buffer_size * 8 // (8 if depth == 8 else 16), value * 2 ** (depth - 8)
                )
                plane.update(np.rint(coded).astype(np.uint8 if depth == 8 else np.uint16).tobytes())
            frame.color_trc, frame.color_primaries, frame.colorspace = transfer, 9, 9
            frame.color_range = 1
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.mark.parametrize("layout", ["yuv444p", "yuv420p10le"])
@pytest.mark.parametrize(("number", "name"), [(18, "hlg"), (16, "pq")])
def test_frames_of_hdr_video_are_read_as_a_standard_screen_shows_them(
    number: int, name: Transfer, layout: str, tmp_path: Path
) -> None:
    wide = hlg_of(np.array([200, 120, 40]))
    write_wide(tmp_path / "a.mp4", number, wide, layout)
    frames = read_frames(tmp_path / "a.mp4", FrameSampling(num_frames=2))
    wanted = as_standard(np.rint(255 * wide).astype(np.uint8), name)
    assert np.abs(frames.pixels.astype(int) - wanted).max() <= 4
    assert frames.video.decoder == "pyav"
    with pytest.raises(VideoDecodeError, match="HDR"):
        read_frames(tmp_path / "a.mp4", FrameSampling(num_frames=2, decoder="opencv"))
