"""A photograph in two tiles, as phones store them: no library here writes one."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

# ISO/IEC 23008-12: numbers of the items, and of the properties in their box, from 1 on.
_TILES, _GRID = (1, 2), 3
_CODEC, _TILE_SIZE, _GRID_SIZE, _DEPTHS = 0x81, 2, 3, 4  # 0x80: nothing can be done without it


def write_tiles(path: Path, picture: np.ndarray, *, brand: bytes) -> None:
    """Writes the left and the right half of a picture, coded in AV1, as tiles of a grid.

    The brand ``avif`` makes it an AVIF file, ``heic`` one that only FFmpeg reads.
    """
    height, width = picture.shape[:2]
    half = width // 2
    coded = [_coded(picture[:, :half]), _coded(picture[:, half:])]
    grid = bytes([0, 0, 0, 1]) + struct.pack(">HH", width, height)  # one row of two
    items = [*(pixels for _, pixels in coded), grid]
    sizes = [(half, height), (width, height)]
    head = _box(b"ftyp", brand, bytes(4), brand, b"mif1", b"miaf")
    begin = len(head) + len(_meta(items, coded[0][0], sizes, 0)) + 8
    meta = _meta(items, coded[0][0], sizes, begin)
    path.write_bytes(head + meta + _box(b"mdat", *items))


def _coded(tile: np.ndarray) -> tuple[bytes, bytes]:
    """The settings of the decoder and the coded pixels, from a file that Pillow writes."""
    file = io.BytesIO()
    Image.fromarray(tile).save(file, "AVIF", quality=90, speed=10)
    return _found(file.getvalue(), b"av1C"), _found(file.getvalue(), b"mdat")[8:]


def _found(content: bytes, kind: bytes) -> bytes:
    begin = content.index(kind) - 4
    return content[begin : begin + int.from_bytes(content[begin : begin + 4], "big")]


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def _full_box(kind: bytes, *parts: bytes, head: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", head), *parts)


def _meta(
    items: Sequence[bytes], codec: bytes, sizes: Sequence[tuple[int, int]], begin: int
) -> bytes:
    places = [begin + sum(map(len, items[:number])) for number in range(len(items))]
    extents = [
        struct.pack(">HHHII", number, 0, 1, place, len(item))
        for number, (place, item) in enumerate(zip(places, items, strict=True), start=1)
    ]
    kinds = [(number, b"av01", 1) for number in _TILES] + [(_GRID, b"grid", 0)]
    entries = [
        _full_box(b"infe", struct.pack(">HH", number, 0), kind, b"\0", head=0x02000000 | hidden)
        for number, kind, hidden in kinds
    ]
    spatial = [_full_box(b"ispe", struct.pack(">II", *size)) for size in sizes]
    depths = _full_box(b"pixi", bytes([3, 8, 8, 8]))
    linked = [
        struct.pack(">HB", number, 3) + bytes([_CODEC, _TILE_SIZE, _DEPTHS]) for number in _TILES
    ]
    linked.append(struct.pack(">HB", _GRID, 2) + bytes([_GRID_SIZE, _DEPTHS]))
    return _full_box(
        b"meta",
        _full_box(b"hdlr", bytes(4), b"pict", bytes(13)),
        _full_box(b"pitm", struct.pack(">H", _GRID)),
        _full_box(b"iloc", struct.pack(">BBH", 0x44, 0, len(items)), *extents),
        _full_box(b"iinf", struct.pack(">H", len(items)), *entries),
        _full_box(b"iref", _box(b"dimg", struct.pack(">HHHH", _GRID, len(_TILES), *_TILES))),
        _box(
            b"iprp",
            _box(b"ipco", codec, *spatial, depths),
            _full_box(b"ipma", struct.pack(">I", len(items)), *linked),
        ),
    )
