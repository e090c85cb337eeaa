"""Was a file cut off: does its own structure announce more bytes than there are.

Headers often lie about durations and frame counts, but seldom about the bytes that follow. Looks at
the outermost parts of MP4, Matroska, AVI, FLV, GIF and APNG; a transport stream consists of packets
of one size. Other containers announce nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from os import SEEK_CUR, SEEK_END
from pathlib import Path
from typing import BinaryIO

_MATROSKA_SEGMENT = bytes.fromhex("18538067")
_TRANSPORT_PACKETS = (188, 192, 204)  # bytes; the second in .m2ts, the third as DVB sends them
_MAX_BOXES = 100_000


def is_cut_off(path: Path, container: str) -> bool:
    """Whether bytes are missing at the end of a file of this FFmpeg container type."""
    size = path.stat().st_size
    kind = container.split(",")[0]
    if kind == "mpegts":
        return all(size % packet for packet in _TRANSPORT_PACKETS)
    announced = _ANNOUNCED.get(kind)
    if announced is None:
        return False
    with path.open("rb") as file:
        return announced(file, size) > size


def _announced_by_avi(file: BinaryIO, _: int) -> int:
    """Where the first RIFF list should end; the rest of a large file is not looked at."""
    return int.from_bytes(file.read(8)[4:], "little") + 8


def _announced_by_mp4(file: BinaryIO, size: int) -> int:
    """Where the last box should end."""
    position = 0
    for _ in range(_MAX_BOXES):
        file.seek(position)
        header = file.read(16)
        if len(header) < 8:
            # Fewer than eight bytes are no box: padding, or the cut-off head of one.
            return position if not header else size + 1
        length = int.from_bytes(header[:4], "big")
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        if length < 8:  # 0: up to the end of the file; the rest makes no sense
            return size
        position += length
        if position >= size:
            break
    return position


def _announced_by_matroska(file: BinaryIO, _: int) -> int:
    """Where the segment should end; 0 when it is of unknown length, as in live recordings."""
    head = file.read(4096)
    start = head.find(_MATROSKA_SEGMENT)
    if start < 0 or start + 5 > len(head):
        return 0
    start += len(_MATROSKA_SEGMENT)
    width = 9 - head[start].bit_length()  # leading zero bits tell how many bytes the number has
    field = head[start : start + width]
    if not 1 <= width <= 8 or len(field) < width:
        return 0
    unknown = (1 << 7 * width) - 1
    length = int.from_bytes(field, "big") & unknown
    return 0 if length == unknown else start + width + length


def _announced_by_flv(file: BinaryIO, size: int) -> int:
    """Where the last tag should end; each is followed by its own length."""
    position = int.from_bytes(file.read(9)[5:], "big") + 4
    while position < size:
        file.seek(position)
        position += int.from_bytes(file.read(4)[1:], "big") + 15
    return position


def _announced_by_apng(file: BinaryIO, size: int) -> int:
    """Where the last chunk should end; without an end chunk another one must follow."""
    position = 8
    while position < size:
        file.seek(position)
        head = file.read(8)
        position += int.from_bytes(head[:4], "big") + 12
        if head[4:] == b"IEND":
            return position
    return max(position, size + 1)


def _announced_by_gif(file: BinaryIO, size: int) -> int:
    """Where the end mark should be: behind the last block, if all of them make sense."""
    position = 13 + _colours(file.read(13)[10:11])
    while position < size:
        file.seek(position)
        mark = file.read(1)
        if mark == b";":
            return position + 1
        if mark == b"!":  # an extension: its kind, then its blocks
            position = _behind_blocks(file, position + 2)
        elif mark == b",":  # a picture: place, size and flags, colours, the width of a code, blocks
            flags = file.read(9)[8:]
            position = _behind_blocks(file, position + 11 + _colours(flags))
        else:
            file.seek(-1, SEEK_END)
            return size if file.read(1) == b";" else size + 1
    return size + 1


def _colours(flags: bytes) -> int:
    """Bytes of the table of colours that follows; flags are one byte."""
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0


def _behind_blocks(file: BinaryIO, position: int) -> int:
    """Where a row of blocks ends, each with its length before it and the last of length 0."""
    file.seek(position)
    while length := file.read(1):
        if length == b"\0":
            break
        file.seek(length[0], SEEK_CUR)
    return file.tell()


_ANNOUNCED: dict[str, Callable[[BinaryIO, int], int]] = {
    "mov": _announced_by_mp4,
    "matroska": _announced_by_matroska,
    "avi": _announced_by_avi,
    "flv": _announced_by_flv,
    "apng": _announced_by_apng,
    "gif": _announced_by_gif,
}
