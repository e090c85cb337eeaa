"""Stills and animated WebP and AVIF, read with Pillow: a still is a video of one frame."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from linvt_cli.errors import VideoDecodeError
from linvt_cli.types import VideoInfo
from linvt_cli.video.container import check_size
from linvt_cli.video.files import pillow_reads_avif, shown_name
from linvt_cli.video.sampling import Timeline

_FORMATS = ("PNG", "JPEG", "WEBP")
# The pictures that cameras put behind a JPEG are no frames of a video.
_MOVING = ("PNG", "WEBP", "AVIF")
_DAMAGED = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    EOFError,
    OSError,
    SyntaxError,
    ValueError,
)
_STILL_DURATION = 1.0  # s; a still has no duration, and zero would leave nothing to look at
_EXIF_ORIENTATION = 0x0112
_UPRIGHT: dict[object, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_A_SIDE = frozenset(map(_UPRIGHT.get, (5, 6, 7, 8)))
_SILENT_DURATION = 100  # ms for animation frames that state none


@contextmanager
def open_picture(path: Path) -> Iterator[Image.Image]:
    """The opened picture, with its size checked and nothing decoded.

    Raises:
        VideoDecodeError: When it is damaged or too large.
    """
    try:
        with warnings.catch_warnings():
            # Pillow warns from 89 million pixels; the limit here is checked below.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            formats = (*_FORMATS, "AVIF") if pillow_reads_avif() else _FORMATS
            picture = Image.open(path, formats=formats)
            with picture:
                check_size(picture.width, picture.height, path)
                yield picture
    except _DAMAGED as error:
        raise VideoDecodeError(
            f"{shown_name(path)} is a damaged or too large picture",
            path=path,
            hint="open it in an image viewer; saving it again from there may mend it",
        ) from error


def probe_picture(path: Path) -> VideoInfo:
    """What is known of a still or an animation.

    Raises:
        VideoDecodeError: When it is damaged or too large.
    """
    with read_picture(path) as reader:
        return reader.info


@contextmanager
def read_picture(path: Path) -> Iterator[PictureReader]:
    """A reader of the frames of a still or an animation.

    Raises:
        VideoDecodeError: When it is damaged or too large.
    """
    with open_picture(path) as picture:
        yield PictureReader(picture, path)


class PictureReader:
    """An open picture as a video: a timeline, and pixels by frame number."""

    def __init__(self, picture: Image.Image, path: Path) -> None:
        *times, end = _frame_times(picture)
        self.picture = picture
        self.timeline = Timeline(times, end, end)
        self._upright = _UPRIGHT.get(_orientation(picture))
        on_its_side = self._upright in _ON_A_SIDE
        width, height = picture.size[::-1] if on_its_side else picture.size
        self.info = VideoInfo(
            path=path,
            width=width,
            height=height,
            duration=end,
            num_frames=len(times),
            codec={"MPO": "jpeg"}.get(picture.format or "", (picture.format or "").lower()),
            decoder="pillow",
        )

    def pixels(self, frames: Iterable[int]) -> Iterator[tuple[int, np.ndarray]]:
        """Each frame's number and upright ``(H, W, 3)`` uint8 RGB; transparency lies on black."""
        for number in frames:
            self.picture.seek(number)
            _decode(self.picture)
            turn = self._upright
            shown = self.picture if turn is None else self.picture.transpose(turn)
            yield number, np.array(_opaque(shown))


def _orientation(picture: Image.Image) -> object:
    """Return what the EXIF data say of how a picture lies; 1, upright, where they make no sense."""
    try:
        return picture.getexif().get(_EXIF_ORIENTATION, 1)
    except (*_DAMAGED, struct.error):  # pixels may be sound all the same
        return 1


def _frame_times(picture: Image.Image) -> Iterator[float]:
    """When each frame begins, and when the last one ends, in seconds."""
    count = getattr(picture, "n_frames", 1) if picture.format in _MOVING else 1
    yield 0.0
    if count == 1:
        yield _STILL_DURATION
        return
    time = 0.0
    for number in range(count):
        picture.seek(number)
        _decode(picture)  # Pillow learns a duration only so
        if picture.format == "AVIF":  # in which it rounds every duration, but no time twice
            time = picture.info["timestamp"] / 1000
        time += (picture.info.get("duration") or _SILENT_DURATION) / 1000
        yield time


def _decode(picture: Image.Image) -> None:
    try:
        picture.load()
    except RuntimeError as error:  # of AVIF; other formats raise an OSError
        raise OSError(str(error)) from error


def _opaque(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16"):
        # Pillow would cut 16-bit grey at 255 instead of scaling it.
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    ground = Image.new("RGBA", layer.size, (0, 0, 0, 255))
    return Image.alpha_composite(ground, layer).convert("RGB")
