"""Reading the packet index of a file: all packets are looked at, one frame is decoded."""

from __future__ import annotations

import itertools
import struct
from array import array
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import av

from linvt_cli.errors import VideoDecodeError
from linvt_cli.types import VideoInfo
from linvt_cli.video.container import demux, main_video_stream, open_container
from linvt_cli.video.cutoff import is_cut_off
from linvt_cli.video.files import content_of, regular_file, shown_name
from linvt_cli.video.index import Orientation, Picture, VideoIndex
from linvt_cli.video.pictures import probe_picture
from linvt_cli.video.references import droppable_test

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.sidedata.sidedata import SideData
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_NO_STAMP = -(2**63)
_FIRST_FRAME_PACKETS = 64  # a damaged start may need as many before a frame comes out
_DEFAULT_RATE = Fraction(25)  # FFmpeg's own for raw streams that do not tell
_LARGEST_REORDERING = 5  # s; no coder changes the order of frames that far apart
# A pixel shape outside of this range is a damaged header, not a lens.
_MAX_PIXEL_ASPECT = 8


def probe_video(path: str | Path) -> VideoInfo:
    """What is known of a video file before its frames are decoded.

    Raises:
        VideoNotFoundError: When there is no such file.
        VideoError: When it is not a regular file that can be read.
        VideoDecodeError: When it holds no video.
    """
    file = regular_file(path)
    if content_of(file) != "video":
        return probe_picture(file)
    return video_info(read_index(file), decoder="pyav")


def video_info(index: VideoIndex, *, decoder: Literal["opencv", "pyav"]) -> VideoInfo:
    """The public summary of an index."""
    height, width = index.picture.shown_size
    return VideoInfo(
        path=index.path,
        width=width,
        height=height,
        duration=index.promised,
        num_frames=len(index.frame_times),
        codec=index.codec,
        decoder=decoder,
    )


@dataclass(slots=True)
class _Scan:
    """What one pass over the packets collects; a value per packet in decoding order."""

    stamps: array[int] = field(default_factory=lambda: array("q"))
    decode_stamps: array[int] = field(default_factory=lambda: array("q"))
    durations: array[int] = field(default_factory=lambda: array("q"))
    keys: array[int] = field(default_factory=lambda: array("b"))
    visible: array[int] = field(default_factory=lambda: array("b"))
    droppable: array[int] = field(default_factory=lambda: array("b"))
    first_frame: VideoFrame | None = None


def read_index(path: Path) -> VideoIndex:
    """The packet index of a regular file.

    Raises:
        VideoDecodeError: When there is no video in the file.
    """
    with open_container(path) as container:
        stream = main_video_stream(container, path)
        scan = _scan_packets(container, stream)
        cut_off = is_cut_off(path, container.format.name)
        if cut_off and container.format.name == "mpegts" and scan.visible:
            scan.visible[-1] = 0  # its end is missing, and nothing in the packet says so
        if not any(scan.visible):
            raise VideoDecodeError(
                f"{shown_name(path)} has a video header and no frames",
                path=path,
                hint="the file was probably not completely written or copied",
            )
        promise = _promise(container, stream) if cut_off else 0.0
        return _index_from(scan, container, stream, path, promise)


def _scan_packets(container: InputContainer, stream: VideoStream) -> _Scan:
    scan = _Scan()
    codec = stream.codec_context
    codec.thread_count = 1
    codec.copy_opaque = True
    is_droppable = droppable_test(codec.name, codec.extradata)
    for number, packet in enumerate(demux(container, stream)):
        scan.stamps.append(_NO_STAMP if packet.pts is None else packet.pts)
        scan.decode_stamps.append(_NO_STAMP if packet.dts is None else packet.dts)
        scan.durations.append(packet.duration or 0)
        scan.keys.append(packet.is_keyframe)
        scan.visible.append(not _is_hidden(packet, codec.name))
        scan.droppable.append(is_droppable is not None and is_droppable(memoryview(packet)))
        if scan.first_frame is None and number < _FIRST_FRAME_PACKETS:
            packet.opaque = number
            scan.first_frame = _first_frame(packet)
    if scan.first_frame is None:
        scan.first_frame = _first_frame(None, stream)
    return scan


def _is_hidden(packet: Packet[VideoStream], codec: str) -> bool:
    """Whether no frame is shown for the packet: cut by an edit list, broken, or a VP8 reference."""
    if packet.is_discard or packet.is_corrupt:
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


def _index_from(
    scan: _Scan, container: InputContainer, stream: VideoStream, path: Path, promise: float
) -> VideoIndex:
    base = stream.time_base or Fraction(1, 1000)
    rate = stream.guessed_rate or stream.average_rate or _DEFAULT_RATE
    name = container.format.name
    stamps = _usable_stamps(scan, name, jump=round(_LARGEST_REORDERING / base))
    shown = _shown_order(scan, stamps)
    if stamps is None:
        clock = _steady_clock(scan, base, rate)
        frame_times = array("d", clock[: len(shown)])
        packet_times: array[float] = array("d")
    else:
        origin = stamps[shown[0]]
        packet_times = array("d", (float((stamp - origin) * base) for stamp in stamps))
        frame_times = array("d", (packet_times[number] for number in shown))
    shift = 0 if stamps is None else stamps[shown[0]] - (stream.start_time or 0)
    end = frame_times[-1] + _last_duration(scan, shown, frame_times, base, rate)
    return VideoIndex(
        path=path,
        container=name,
        codec=stream.codec_context.name,
        video_stream=container.streams.video.index(stream),
        only_video_stream=len(container.streams.video) == 1,
        picture=_picture(stream, scan.first_frame),
        frame_rate=float(rate),
        opencv_shift=float(shift * base),
        stamps=stamps,
        decode_stamps=scan.decode_stamps,
        packet_times=packet_times,
        begin=scan.keys.index(1) if 1 in scan.keys else 0,
        restarts=_restarts(scan, stamps),
        droppable=scan.droppable,
        shown=shown,
        frame_times=frame_times,
        end=end,
        promised=max(end, promise),
    )


def _usable_stamps(scan: _Scan, container: str, jump: int) -> array[int] | None:
    """The presentation stamps, or None where they cannot be relied upon.

    AVI, program and raw streams give them for some packets only; recordings that were joined
    without care fall back by ``jump`` or more. In other containers a packet without a stamp is the
    second field of a frame and shows nothing by itself.
    """
    missing = [number for number, stamp in enumerate(scan.stamps) if stamp == _NO_STAMP]
    steady = container in {"avi", "mpeg"} or len(missing) > len(scan.stamps) / 2
    if missing and (steady or missing[0] == 0):
        return None
    if container == "mpeg" and len(set(scan.stamps)) < len(scan.stamps):
        return None
    for number in missing:
        scan.visible[number] = 0
        scan.stamps[number] = scan.stamps[number - 1]
    latest = itertools.accumulate(scan.stamps, max)
    if any(peak - stamp > jump for peak, stamp in zip(latest, scan.stamps, strict=True)):
        return None
    return scan.stamps


def _shown_order(scan: _Scan, stamps: array[int] | None) -> array[int]:
    """Packets of the frames in the order in which they are shown.

    Nothing before the first frame that the decoder gives can be decoded: a recording may begin
    between two key frames. Of frames with the same time only the last would be seen.
    """
    visible = (number for number, seen in enumerate(scan.visible) if seen)
    if stamps is None:
        return array("q", visible)
    first = scan.first_frame
    begin = stamps[first.opaque] if first is not None and isinstance(first.opaque, int) else None
    order = [n for n in visible if begin is None or stamps[n] >= begin]
    order.sort(key=stamps.__getitem__)
    followers = itertools.chain(order[1:], (None,))
    pairs = zip(order, followers, strict=True)
    return array("q", (n for n, then in pairs if then is None or stamps[then] > stamps[n]))


def _steady_clock(scan: _Scan, base: Fraction, rate: Fraction) -> list[float]:
    """Times of frames without stamps: from the decoding stamps, the durations or the rate."""
    stamps = scan.decode_stamps
    if _NO_STAMP not in stamps and all(a < b for a, b in itertools.pairwise(stamps)):
        return [float((stamp - stamps[0]) * base) for stamp in stamps]
    if all(scan.durations):
        ends = itertools.accumulate(scan.durations, initial=0)
        return [float(ticks * base) for ticks in ends][:-1]
    return [float(number / rate) for number in range(len(stamps))]


def _last_duration(
    scan: _Scan, shown: array[int], times: array[float], base: Fraction, rate: Fraction
) -> float:
    ticks = scan.durations[shown[-1]]
    if ticks > 0:
        return float(ticks * base)
    return times[-1] - times[-2] if len(times) > 1 else float(1 / rate)


def _restarts(scan: _Scan, stamps: array[int] | None) -> array[int]:
    """The key frame from which each packet's frame can be decoded.

    A frame that is coded after a key frame and shown before it may refer to what came earlier
    (an open GOP), so it is decoded from the key frame before.
    """
    restarts: array[int] = array("q")
    earlier = current = scan.keys.index(1) if 1 in scan.keys else 0
    for number, is_key in enumerate(scan.keys):
        if is_key:
            earlier, current = current, number
        leading = stamps is not None and stamps[number] < stamps[current]
        restarts.append(earlier if leading else current)
    return restarts


def _picture(stream: VideoStream, frame: VideoFrame | None) -> Picture:
    aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    if not aspect or not 1 / _MAX_PIXEL_ASPECT <= aspect <= _MAX_PIXEL_ASPECT:
        aspect = Fraction(1)
    orientation = Orientation()
    # FFmpeg's AVFieldOrder: 0 unknown, 1 progressive, 2 to 5 are interlaced.
    interlaced = stream.codec_context.field_order > 1
    width, height = stream.width, stream.height
    if frame is not None:
        interlaced = interlaced or frame.interlaced_frame
        width, height = frame.width, frame.height
        matrix = frame.side_data.get("DISPLAYMATRIX")
        if matrix is not None:
            orientation = Orientation.from_matrix(
                struct.unpack("9i", bytes(cast("SideData", matrix)))
            )
    return Picture(width, height, aspect, orientation, interlaced)


def _promise(container: InputContainer, stream: VideoStream) -> float:
    """Seconds that the header promises; 0 where it says nothing."""
    promises = [float(container.duration / av.time_base)] if container.duration else []
    if stream.duration and stream.time_base:
        promises.append(float(stream.duration * stream.time_base))
    return min(promises, default=0.0)
