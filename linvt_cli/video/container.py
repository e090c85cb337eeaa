"""Opening a file with PyAV, so that it can reach nothing but this one file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from linvt_cli.errors import VideoDecodeError
from linvt_cli.video.files import begins_like_sound, shown_name

MAX_SIDE = 16_384  # px
MAX_PIXELS = 256_000_000

# Demuxers that read one file and hold video; playlists, sequences and scripts are not among them.
_FORMATS = (
    "mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "m4v", "h261", "h263", "h264", "hevc",
    "vvc", "av1", "obu", "ivf", "gif", "apng", "mjpeg", "flv", "asf", "ogg", "nut", "yuv4mpegpipe",
    "mxf", "rm", "dv", "gxf", "dirac", "vc1", "nuv", "wtv", "flic", "swf", "roq", "bink", "smk",
)  # fmt: skip
_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": ",".join(_FORMATS)}

# libav would write to stderr from C, past Python; None detaches it.
av.logging.set_level(None)


class PacketNumber(int):
    """What a packet carries through a decoder, so that its frame can tell which one it came from.

    An object of its own for every packet: PyAV knows what is carried by its place in memory, which
    Python's small integers share with those in other decoders, and forgets it as soon as one of
    them is through.
    """


def open_container(path: Path) -> InputContainer:
    """The opened file.

    Raises:
        VideoDecodeError: When FFmpeg finds no video container in it.
    """
    try:
        return av.open(str(path), mode="r", options=dict(_OPTIONS), metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as error:
        if begins_like_sound(path):
            raise _sound_only(path) from error
        raise VideoDecodeError(
            f"{shown_name(path)} is not a video that can be read",
            path=path,
            hint="if it is a video, it may be damaged or not completely copied",
        ) from error


def main_video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first video stream with a picture that is not the cover of a song.

    Raises:
        VideoDecodeError: When there is none, its frames are too large to hold, or the streams are
            parts of one photograph.
    """
    cover, part = av.stream.Disposition.attached_pic, av.stream.Disposition.dependent
    streams = [stream for stream in container.streams.video if not stream.disposition & cover]
    if not streams:
        raise _sound_only(path)
    parts = [stream for stream in streams if stream.disposition & part]
    if len(parts) > 1 or parts == streams:  # a single one may be the enhancement of a video
        raise VideoDecodeError(
            f"{shown_name(path)} is a photograph in tiles, which linvt does not put together",
            path=path,
            hint="save it as JPEG",
        )
    # A stream that a broadcast announces and does not send has no size.
    sent = (each for each in streams if each.codec_context is None or each.width > 0)
    stream = next(sent, streams[0])
    if stream.codec_context is None:
        raise VideoDecodeError(
            f"{shown_name(path)} has video in a format that cannot be decoded",
            path=path,
            hint="convert it, for example to MP4 with H.264",
        )
    check_size(stream.width, stream.height, path)
    return stream


def _sound_only(path: Path) -> VideoDecodeError:
    return VideoDecodeError(
        f"{shown_name(path)} has no video in it", path=path, hint="it may be sound only"
    )


def demux(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """The packets of the stream that hold data, up to the end or to where the file breaks off."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, OSError, IndexError):
            # PyAV looks up streams that a damaged transport stream seems to begin, and finds none.
            return
        if packet is None:
            return
        if packet.size:
            yield packet


def check_size(width: int, height: int, path: Path) -> None:
    """Refuse frames that would fill the memory.

    Raises:
        VideoDecodeError: When a side or the area is over the limit.
    """
    if width > MAX_SIDE or height > MAX_SIDE or width * height > MAX_PIXELS:
        raise VideoDecodeError(
            f"{shown_name(path)} has frames of {width}x{height} pixels,"
            f" more than {MAX_SIDE} a side or {MAX_PIXELS // 10**6} million",
            path=path,
            hint="shrink the video first",
        )
