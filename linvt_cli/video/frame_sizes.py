"""What packets of VP8, VP9 and AV1 say of the size of the picture, read from their first bytes.

Calls that are recorded and screens that are shared change their size on the way. OpenCV would cut
or stretch all frames to the size of the first and say nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

_HEAD_BYTES = 64
_SRGB = 7
_AV1_SEQUENCE_HEADER = 1

# What differs where the size does; None where the packet does not say it.
SizeOf = Callable[[memoryview], Hashable | None]


def size_reader(codec: str) -> SizeOf | None:
    """What reads the size from packets of this codec; None where it cannot be read."""
    return {"vp8": _vp8_size, "vp9": _vp9_size, "av1": _av1_sequence}.get(codec)


def _vp8_size(packet: memoryview) -> Hashable | None:
    """Width and height of a key frame, as coded (RFC 6386 §9.1)."""
    head = bytes(packet[:10])
    return head[6:] if len(head) == 10 and not head[0] & 1 else None


def _vp9_size(packet: memoryview) -> Hashable | None:
    """Width and height where the frame does not take them from another (VP9 §6.2 and §7.2)."""
    bits = _Bits(bytes(packet[:_HEAD_BYTES]))
    bits.take(2)
    profile = bits.take(1) | bits.take(1) << 1
    bits.take(1 if profile == 3 else 0)
    if bits.take(1):  # an earlier frame is shown again
        return None
    is_key, is_shown, resilient = not bits.take(1), bits.take(1), bits.take(1)
    is_intra = is_key
    if not is_key:
        is_intra = not is_shown and bool(bits.take(1))
        bits.take(0 if resilient else 2)
    if is_intra:
        bits.take(24)
        _skip_colours(bits, profile, is_key=is_key)
    if not is_key:
        bits.take(8)
    if not is_intra:
        bits.take(12)
        if any(bits.take(1) for _ in range(3)):  # the size is that of the frame it refers to
            return None
    return bits.take(32)


def _skip_colours(bits: _Bits, profile: int, *, is_key: bool) -> None:
    if not is_key and profile == 0:
        return
    bits.take(1 if profile >= 2 else 0)
    is_rgb = bits.take(3) == _SRGB
    bits.take(0 if is_rgb else 1)
    bits.take((1 if is_rgb else 3) if profile & 1 else 0)


def _av1_sequence(packet: memoryview) -> Hashable | None:
    """The bytes of the sequence header, which has the largest size in it (AV1 §5.5)."""
    head = bytes(packet[:_HEAD_BYTES])
    place = 0
    while place + 1 < len(head) and head[place] & 2:  # the unit says how long it is
        kind = head[place] >> 3 & 15
        place += 2 if head[place] & 4 else 1
        length = head[place] if place < len(head) else 0x80
        if length & 0x80:  # longer than a sequence header
            return None
        if kind == _AV1_SEQUENCE_HEADER:
            return head[place + 1 : place + 1 + length]
        place += 1 + length
    return None


class _Bits:
    """Bits from the front of a few bytes; zeros behind them."""

    def __init__(self, data: bytes) -> None:
        self.value = int.from_bytes(data.ljust(_HEAD_BYTES, b"\0"), "big")
        self.left = 8 * _HEAD_BYTES

    def take(self, count: int) -> int:
        """The next bits as a number."""
        self.left -= count
        return self.value >> self.left & ((1 << count) - 1)
