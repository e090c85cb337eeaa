"""Reading the packet index of a file: all packets are looked at, one frame is decoded."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import av

from linvt_cli.errors import VideoDecodeError
from linvt_cli.types import VideoInfo
from linvt_cli.video.avi import index_entries, place_packets
from linvt_cli.video.container import main_video_stream, open_container
from linvt_cli.video.cutoff import is_cut_off
from linvt_cli.video.dynamic_range import transfer_of
from linvt_cli.video.files import content_of, regular_file, shown_name
from linvt_cli.video.frame_order import (
    Clock,
    Timing,
    last_duration,
    restart_points,
    timing_of,
    with_gaps,
)
from linvt_cli.video.index import Orientation, Picture, VideoIndex
from linvt_cli.video.library_errors import errors_of_damage
from linvt_cli.video.pictures import probe_picture
from linvt_cli.video.scan import Scan, scan_packets
from linvt_cli.video.transparency import may_be_seen_through

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.sidedata.sidedata import SideData
    from av.video.stream import VideoStream

_DEFAULT_RATE = Fraction(25)  # FFmpeg's own for raw streams that do not tell
# Containers whose last packet may be a part of a frame without a mark that it is.
_UNMARKED_ENDS = {"mpegts", "gif"}
_STATE_DURATION = (
    "mov",
    "matroska",
    "avi",
    "flv",
)  # in others FFmpeg estimates it from what is there
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
    with errors_of_damage(file):
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


def read_index(path: Path) -> VideoIndex:
    """The packet index of a regular file.

    Raises:
        VideoDecodeError: When there is no video in the file.
    """
    with open_container(path) as container:
        stream = main_video_stream(container, path)
        kind = container.format.name
        entries = index_entries(stream) if kind == "avi" else []
        scan = scan_packets(container, stream)
        cut_off = is_cut_off(path, kind)
        if cut_off:
            _hide_unsure_end(scan, kind)
        clock = Clock(stream.time_base or Fraction(1, 1000), _rate(stream))
        timing = timing_of(scan, kind, clock)
        if kind == "avi":
            places = place_packets(scan, entries, container, stream, path)
            timing = timing if places is None else with_gaps(timing, places, scan, clock)
        if len(timing.shown) == len(timing.lost):
            raise VideoDecodeError(
                f"{shown_name(path)} has a video header and no frames",
                path=path,
                hint="the file was probably not completely written or copied",
            )
        end = timing.frame_times[-1] + last_duration(scan, timing, clock)
        return VideoIndex(
            path=path,
            container=kind,
            codec=stream.codec_context.name,
            video_stream=container.streams.video.index(stream),
            only_video_stream=len(container.streams.video) == 1,
            picture=_picture(stream, scan),
            frame_rate=float(clock.rate),
            opencv_shift=_opencv_shift(timing, stream),
            stamps=timing.stamps,
            decode_stamps=scan.decode_stamps,
            packet_times=timing.packet_times,
            begin=scan.keys.index(1) if 1 in scan.keys else 0,
            restarts=restart_points(scan, timing.stamps),
            droppable=scan.droppable,
            shown=timing.shown,
            frame_times=timing.frame_times,
            lost=timing.lost,
            joined=timing.joined,
            countable=len(scan.keys) if cut_off and timing.countable is None else timing.countable,
            end=end,
            promised=max(end, _promise(container, stream)) if cut_off else end,
            cut_off=cut_off,
        )


def _hide_unsure_end(scan: Scan, container: str) -> None:
    """Hide the frames of a file that was cut off which are not whole, or shown nobody knows when.

    An AVI file does not say when a reordered frame is shown: when the next of its kind is coded.
    """
    if container in _UNMARKED_ENDS and scan.visible:
        scan.visible[-1] = 0
    if container == "avi":
        for number, stamp in enumerate(scan.stamps):
            scan.visible[number] &= stamp <= scan.decode_stamps[-1]


def _rate(stream: VideoStream) -> Fraction:
    return stream.guessed_rate or stream.average_rate or _DEFAULT_RATE


def _opencv_shift(timing: Timing, stream: VideoStream) -> float:
    if timing.stamps is None or stream.time_base is None:
        return 0.0
    return float((timing.stamps[timing.shown[0]] - (stream.start_time or 0)) * stream.time_base)


def _picture(stream: VideoStream, scan: Scan) -> Picture:
    frame = scan.first_frame
    aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    if not aspect or not 1 / _MAX_PIXEL_ASPECT <= aspect <= _MAX_PIXEL_ASPECT:
        aspect = Fraction(1)
    orientation = Orientation()
    # FFmpeg's AVFieldOrder: 0 unknown, 1 progressive, 2 to 5 are interlaced.
    interlaced = stream.codec_context.field_order > 1
    width, height = stream.width, stream.height
    transfer = transfer_of(stream.codec_context.color_trc)
    if frame is not None:
        interlaced = interlaced or frame.interlaced_frame
        width, height = frame.width, frame.height
        transfer = transfer_of(frame.color_trc)
        matrix = frame.side_data.get("DISPLAYMATRIX")
        if matrix is not None:
            orientation = Orientation.from_matrix(
                struct.unpack("9i", bytes(cast("SideData", matrix)))
            )
    return Picture(
        width,
        height,
        aspect,
        orientation,
        interlaced,
        resized=len(scan.geometries) > 1,
        transfer=transfer,
        transparent=may_be_seen_through(
            stream.codec_context.format if frame is None else frame.format
        ),
    )


def _promise(container: InputContainer, stream: VideoStream) -> float:
    """Seconds that the header promises; 0 where it says nothing."""
    if not container.format.name.startswith(_STATE_DURATION):
        return 0.0
    promises = [float(container.duration / av.time_base)] if container.duration else []
    if stream.duration and stream.time_base:
        promises.append(float(stream.duration * stream.time_base))
    return min(promises, default=0.0)
