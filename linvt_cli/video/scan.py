"""One pass over all packets of a file: what each says of itself, and the first frame decoded."""

from __future__ import annotations

from array import array
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import av

from linvt_cli.video.container import PacketNumber, demux
from linvt_cli.video.frame_sizes import size_reader
from linvt_cli.video.references import droppable_test

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

NO_STAMP = -(2**63)
_FIRST_FRAME_PACKETS = 64  # a damaged start may need as many before a frame comes out


@dataclass(slots=True)
class Scan:
    """What one pass over the packets collects; a value per packet in decoding order."""

    stamps: array[int] = field(default_factory=lambda: array("q"))
    decode_stamps: array[int] = field(default_factory=lambda: array("q"))
    durations: array[int] = field(default_factory=lambda: array("q"))
    keys: array[int] = field(default_factory=lambda: array("b"))
    visible: array[int] = field(default_factory=lambda: array("b"))
    positions: array[int] = field(default_factory=lambda: array("q"))  # bytes into the file
    sizes: array[int] = field(default_factory=lambda: array("q"))  # bytes
    droppable: array[int] = field(default_factory=lambda: array("b"))
    first_frame: VideoFrame | None = None
    geometries: set[Hashable] = field(default_factory=set)  # of the picture, where packets say it


def scan_packets(container: InputContainer, stream: VideoStream) -> Scan:
    """Read all packets, and decode up to the first frame."""
    scan = Scan()
    codec = stream.codec_context
    codec.thread_count = 1
    codec.copy_opaque = True
    is_droppable = droppable_test(codec.name, codec.extradata)
    size_of = size_reader(codec.codec.canonical_name) or (lambda _: None)
    is_broken = False
    for number, packet in enumerate(demux(container, stream)):
        scan.stamps.append(NO_STAMP if packet.pts is None else packet.pts)
        scan.decode_stamps.append(NO_STAMP if packet.dts is None else packet.dts)
        scan.durations.append(packet.duration or 0)
        scan.positions.append(-1 if packet.pos is None else packet.pos)
        scan.sizes.append(packet.size)
        scan.keys.append(packet.is_keyframe)
        scan.visible.append(not _is_hidden(packet, codec.name))
        scan.droppable.append(is_droppable is not None and is_droppable(memoryview(packet)))
        scan.geometries.add(size_of(memoryview(packet)))
        if scan.first_frame is None and number < _FIRST_FRAME_PACKETS:
            packet.opaque = PacketNumber(number)
            scan.first_frame = _first_frame(packet)
        is_broken = packet.is_corrupt
    scan.geometries.discard(None)
    if is_broken:
        scan.visible[-1] = 0  # of a last frame that is not whole there may be just the head
    if scan.first_frame is None:
        scan.first_frame = _first_frame(None, stream)
    return scan


def _is_hidden(packet: Packet[VideoStream], codec: str) -> bool:
    """Whether no frame is shown for the packet: cut by an edit list, or a VP8 reference."""
    if packet.is_discard:
        return True
    # Bit 4 of a VP8 frame is show_frame (RFC 6386 §9.1).
    return codec == "vp8" and not memoryview(packet)[0] & 0x10


def _first_frame(
    packet: Packet[VideoStream] | None, stream: VideoStream | None = None
) -> VideoFrame | None:
    try:
        if packet is not None:
            frames = packet.decode()
        else:
            frames = stream.codec_context.decode(None) if stream is not None else []
    except (av.FFmpegError, OSError):
        return None
    return frames[0] if frames else None
