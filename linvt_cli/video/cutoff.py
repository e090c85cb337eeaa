"""Was a file cut off: does its own structure announce more bytes than there are.

Headers often lie about durations and frame counts, but seldom about the bytes that follow.
Looks at the outermost boxes only: MP4, Matroska and AVI; a transport stream consists of packets of
one size. Other containers announce nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

_MATROSKA_SEGMENT = bytes.fromhex("18538067")
_TRANSPORT_PACKET, _TIMED_TRANSPORT_PACKET = 188, 192  # bytes; the latter in .m2ts
_MAX_BOXES = 100_000


def is_cut_off(path: Path, container: str) -> bool:
    """Whether bytes are missing at the end of a file of this FFmpeg container type."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if container.startswith("mov"):
            return _announced_by_mp4(file, size) > size
        if container.startswith("matroska"):
            return _announced_by_matroska(file) > size
        if container == "avi":
            header = file.read(8)
            return int.from_bytes(header[4:8], "little") + 8 > size
        if container == "mpegts":
            return size % _TRANSPORT_PACKET != 0 and size % _TIMED_TRANSPORT_PACKET != 0
    return False


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


def _announced_by_matroska(file: BinaryIO) -> int:
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
