"""Videos of every kind that the reader must read exactly, written when a test asks for one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from PIL import Image

from tests.video.numbered import HEIGHT, WIDTH, draw

FPS = 25
X264 = {"preset": "ultrafast", "bf": "3", "b-pyramid": "normal", "refs": "3"}
X265 = "log-level=none:bframes=4:keyint=40:min-keyint=40:pools=1:frame-threads=1"


@dataclass(frozen=True)
class Clip:
    """How to write a video, and what is then shown when."""

    suffix: str
    codec: str
    options: dict[str, str]
    num_frames: int = 120
    pixel_format: str = "yuv420p"
    container: dict[str, str] | None = None
    format: str | None = None
    stamps: Callable[[int], int] = lambda number: number  # frame number -> pts
    ticks: int = FPS  # pts a second
    size: tuple[int, int] = (WIDTH, HEIGHT)
    rotation: int = 0
    aspect: Fraction | None = None
    sound: bool = False
    opencv: bool = True  # whether OpenCV can decode it exactly

    @property
    def frames(self) -> list[tuple[float, int]]:
        """Time and number of every frame that is shown."""
        stamps = [(self.stamps(number), number) for number in range(self.num_frames)]
        shown = [(stamp, number) for stamp, number in stamps if stamp >= 0]
        return [((stamp - shown[0][0]) / self.ticks, number) for stamp, number in shown]

    def write(self, path: Path) -> None:
        """Encodes the video."""
        with av.open(str(path), "w", format=self.format, options=self.container or {}) as container:
            stream = cast(
                VideoStream, container.add_stream(self.codec, rate=FPS, options=self.options)
            )
            stream.width, stream.height = self.size
            stream.pix_fmt = self.pixel_format
            stream.codec_context.time_base = Fraction(1, self.ticks)
            stream.codec_context.thread_count = 1
            if self.aspect:
                stream.codec_context.sample_aspect_ratio = self.aspect
            if self.rotation:
                stream.set_display_rotation(self.rotation)
            sound = container.add_stream("aac", rate=8000) if self.sound else None
            if sound is not None:
                _write_sound(container, sound, seconds=2 * self.num_frames / FPS)
            for number in range(self.num_frames):
                frame = av.VideoFrame.from_ndarray(self._picture(number), format="rgb24")
                frame.pts = self.stamps(number)
                frame.time_base = Fraction(1, self.ticks)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))

    def _picture(self, number: int) -> np.ndarray:
        width, height = self.size
        if self.rotation % 180:
            width, height = height, width
        # What is shown is turned against the clock by the rotation, so what is stored is not.
        upright = draw(number, width, height)
        return np.ascontiguousarray(np.rot90(upright, -self.rotation // 90))


def _write_sound(container: Any, stream: AudioStream, seconds: float) -> None:
    for block in range(int(seconds * 8000) // 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        frame.pts = block * 1024
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _uneven(number: int) -> int:
    """Half at 25 a second, half at 5: times in ms."""
    return 40 * number if number < 60 else 2400 + 200 * (number - 60)


def _x264(**options: str) -> dict[str, str]:
    return X264 | {name.replace("_", "-"): value for name, value in options.items()}


VP9 = {"g": "40", "deadline": "realtime", "cpu-used": "8", "crf": "30", "b:v": "300k"}
AV1 = {"g": "40", "preset": "12", "svtav1-params": "lp=1"}

CLIPS = {
    "h264, far key frames": Clip("mp4", "libx264", _x264(g="250")),
    "h264, near key frames": Clip("mp4", "libx264", _x264(g="30")),
    "h264, no B-frames": Clip("mp4", "libx264", _x264(g="30", bf="0")),
    "h264, open GOP": Clip("mp4", "libx264", _x264(g="30", x264_params="open-gop=1")),
    "h264, refreshed bit by bit": Clip(
        "mp4", "libx264", _x264(g="30", bf="0", x264_params="intra-refresh=1")
    ),
    "h264, refreshed bit by bit in Matroska": Clip(
        "mkv", "libx264", _x264(g="30", x264_params="intra-refresh=1")
    ),
    "h264, all key frames": Clip("mp4", "libx264", _x264(g="1")),
    "h264 in Matroska": Clip("mkv", "libx264", _x264(g="30")),
    "h264, open GOP in Matroska": Clip("mkv", "libx264", _x264(g="30", x264_params="open-gop=1")),
    "h264 in MPEG-TS": Clip("ts", "libx264", _x264(g="30"), opencv=False),
    "h264, raw": Clip("h264", "libx264", _x264(g="30"), opencv=False),
    "h264, fragmented": Clip(
        "mp4", "libx264", _x264(g="30"), container={"movflags": "frag_keyframe+empty_moov"}
    ),
    "h264, live Matroska": Clip("mkv", "libx264", _x264(g="30"), container={"live": "1"}),
    "h264, interlaced": Clip("mp4", "libx264", _x264(g="30", x264_params="tff=1"), opencv=False),
    "h264, uneven times": Clip("mp4", "libx264", _x264(g="30"), stamps=_uneven, ticks=1000),
    "h264, uneven times in Matroska": Clip(
        "mkv", "libx264", _x264(g="30"), stamps=_uneven, ticks=1000
    ),
    "h264, edit list": Clip("mp4", "libx264", _x264(g="30"), stamps=lambda number: number - 35),
    "h264, late start": Clip("mp4", "libx264", _x264(g="30"), stamps=lambda number: number + 50),
    "h264, turned by 90": Clip("mp4", "libx264", _x264(g="30"), rotation=90),
    "h264, turned by 180": Clip("mp4", "libx264", _x264(g="30"), rotation=180),
    "h264, turned by 270": Clip("mp4", "libx264", _x264(g="30"), rotation=270),
    "h264, wide pixels": Clip("mp4", "libx264", _x264(g="30"), aspect=Fraction(2)),
    "h264 with longer sound": Clip("mp4", "libx264", _x264(g="30"), sound=True),
    "h264, one frame": Clip("mp4", "libx264", _x264(g="30"), num_frames=1),
    "h264 named as AVI": Clip("avi", "libx264", _x264(g="30"), format="mp4"),
    "hevc": Clip("mp4", "libx265", {"preset": "ultrafast", "x265-params": X265}),
    "hevc, closed GOP": Clip(
        "mkv", "libx265", {"preset": "ultrafast", "x265-params": X265 + ":open-gop=0"}
    ),
    "hevc, 10 bit": Clip(
        "mp4", "libx265", {"preset": "ultrafast", "x265-params": X265}, pixel_format="yuv420p10le"
    ),
    "vp8": Clip("webm", "libvpx", VP9 | {"auto-alt-ref": "1", "lag-in-frames": "16"}),
    "vp9": Clip("webm", "libvpx-vp9", VP9),
    "vp9, odd size": Clip("webm", "libvpx-vp9", VP9, size=(161, 127)),
    "vp9, live": Clip("webm", "libvpx-vp9", VP9, container={"live": "1"}),
    "vp9, alternative references": Clip(
        "webm", "libvpx-vp9", VP9 | {"deadline": "good", "auto-alt-ref": "1", "lag-in-frames": "20"}
    ),
    "av1": Clip("mp4", "libsvtav1", AV1),
    "mpeg4": Clip("mp4", "mpeg4", {"g": "30"}),
    "mpeg4 in AVI with B-frames": Clip("avi", "mpeg4", {"g": "30", "bf": "2"}, opencv=False),
    "mpeg2 in MPEG-TS": Clip("ts", "mpeg2video", {"g": "15", "bf": "2"}, opencv=False),
    "mpeg2, interlaced in MPEG-TS": Clip(
        "ts", "mpeg2video", {"g": "15", "bf": "2", "flags": "+ildct+ilme"}, opencv=False
    ),
    "mpeg2 program stream": Clip("mpg", "mpeg2video", {"g": "15", "bf": "2"}, opencv=False),
    "mjpeg": Clip("avi", "mjpeg", {}, pixel_format="yuvj420p"),
    "ffv1": Clip("mkv", "ffv1", {}, num_frames=40),
    "ffv1, odd size": Clip("mkv", "ffv1", {}, num_frames=40, size=(97, 61), pixel_format="bgr0"),
    "gif": Clip("gif", "gif", {}, num_frames=40, pixel_format="rgb8", opencv=False),
    "apng": Clip("apng", "apng", {}, num_frames=40, pixel_format="rgb24"),
    "flv": Clip("flv", "libx264", _x264(g="30")),
}


def write_animated_webp(path: Path) -> list[tuple[float, int]]:
    """Writes frames of 40 and 200 ms in turn; returns the time and number of each."""
    durations = [40, 200] * 6
    pictures = [Image.fromarray(draw(number)) for number in range(len(durations))]
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=durations, quality=90
    )
    return [(sum(durations[:number]) / 1000, number) for number in range(len(durations))]


def write_resized(path: Path, codec: str, sizes: Sequence[tuple[int, int]], each: int = 8) -> None:
    """Writes numbered frames, some of each width and height, as calls and shared screens are."""
    base = Fraction(1, FPS)
    with av.open(str(path), "w") as container:
        stream = cast(VideoStream, container.add_stream(codec, rate=FPS))
        stream.width, stream.height = sizes[0]
        stream.pix_fmt = "yuv420p"
        for part, size in enumerate(sizes):
            coder = cast(VideoCodecContext, av.CodecContext.create(codec, "w"))
            coder.width, coder.height = size
            coder.pix_fmt, coder.time_base, coder.options = "yuv420p", base, dict(VP9)
            frames: list[av.VideoFrame | None] = [None]
            for number in range(part * each, (part + 1) * each):
                frame = av.VideoFrame.from_ndarray(draw(number, *size), format="rgb24")
                frame.pts, frame.time_base = number, base
                frames.insert(-1, frame)
            for packet in (packet for frame in frames for packet in coder.encode(frame)):
                packet.stream, packet.time_base = stream, base
                container.mux(packet)


def write_with_repeats(path: Path) -> list[tuple[float, int]]:
    """Writes MPEG-4 in which packets without a picture mean "the same again", as Xvid does.

    Returns the time and number of each frame.
    """
    same_again = bytes.fromhex("000001b65027")  # a P picture with vop_coded = 0
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=FPS, options={"g": "30"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.time_base = base = Fraction(1, 2 * FPS)
        for number in range(60):
            frame = av.VideoFrame.from_ndarray(draw(number), format="rgb24")
            frame.pts, frame.time_base = 2 * number, base
            container.mux(stream.encode(frame))
            if number % 2:
                packet = av.Packet(same_again)
                packet.pts = packet.dts = 2 * number + 1
                packet.time_base, packet.stream = base, stream
                container.mux(packet)
        container.mux(stream.encode(None))
    return [(number / FPS, number) for number in range(60)]
