"""Which coded frames nobody refers to, read from the first bytes of H.264 and HEVC packets.

Containers seldom say it. The decoder checks each slice by itself before it skips one, so what is
read here only prices a plan and a mistake costs time, never a wrong frame.
"""

from __future__ import annotations

from collections.abc import Callable

_H264_SLICES = {1, 5}
_HEVC_LAST_SLICE = 31
_HEVC_LAST_SUBLAYER = 14  # even types up to here: trailing and leading pictures without references
_SEARCHED_BYTES = 4096
_MAX_UNITS = 16

IsDroppable = Callable[[memoryview], bool]


def droppable_test(codec: str, extradata: bytes | None) -> IsDroppable | None:
    """The test for packets of this codec; None where dropping frames is not exact or no gain."""
    if codec not in {"h264", "hevc"}:
        return None
    judge = _judge_h264 if codec == "h264" else _judge_hevc
    length_size = _length_size(codec, extradata or b"")

    def droppable(packet: memoryview) -> bool:
        head = bytes(packet[:_SEARCHED_BYTES])
        heads = _framed_heads(head, length_size) if length_size else _start_code_heads(head)
        verdicts = (judge(byte) for byte in heads)
        return next((verdict for verdict in verdicts if verdict is not None), False)

    return droppable


def _length_size(codec: str, extradata: bytes) -> int:
    """Bytes of the length before each unit; 0 where start codes separate them (Annex B)."""
    place = 4 if codec == "h264" else 21
    if len(extradata) <= place or extradata[0] != 1:
        return 0
    return (extradata[place] & 3) + 1


def _framed_heads(data: bytes, length_size: int) -> list[int]:
    heads: list[int] = []
    position = 0
    while position + length_size < len(data) and len(heads) < _MAX_UNITS:
        heads.append(data[position + length_size])
        length = int.from_bytes(data[position : position + length_size], "big")
        position += length_size + length
    return heads


def _start_code_heads(data: bytes) -> list[int]:
    heads: list[int] = []
    position = data.find(b"\0\0\1")
    while 0 <= position < len(data) - 3 and len(heads) < _MAX_UNITS:
        heads.append(data[position + 3])
        position = data.find(b"\0\0\1", position + 3)
    return heads


def _judge_h264(head: int) -> bool | None:
    """Whether the slice has nal_ref_idc 0; None for units that are no slice (H.264 §7.4.1)."""
    return (head >> 5 & 3) == 0 if head & 31 in _H264_SLICES else None


def _judge_hevc(head: int) -> bool | None:
    """Whether the slice is of a sub-layer non-reference type; None for others (HEVC table 7-1)."""
    kind = head >> 1 & 63
    if kind > _HEVC_LAST_SLICE:
        return None
    return kind <= _HEVC_LAST_SUBLAYER and kind % 2 == 0
