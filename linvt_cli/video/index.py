"""The packet index: when every frame of a video is shown and what it takes to decode it.

A packet holds one coded frame. Packets are numbered in decoding order; frames are numbered in the
order in which they are shown. Times are seconds from the first shown frame.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from linvt_cli.video.dynamic_range import Transfer

# Matroska rounds times to a millisecond, so the same one may come out half of that apart.
CLOCK_TOLERANCE = 6e-4  # s


@dataclass(frozen=True, slots=True)
class Orientation:
    """How decoded pixels become upright: transpose, then mirror."""

    transpose: bool = False
    flip_x: bool = False  # left and right change places
    flip_y: bool = False

    @classmethod
    def from_matrix(cls, matrix: tuple[int, ...]) -> Orientation:
        """The quarter turns and mirrorings of an ISO display matrix of nine numbers."""
        a, b, _, c, d = matrix[:5]
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(transpose=True, flip_x=c < 0, flip_y=b < 0)
        return cls(flip_x=a < 0, flip_y=d < 0)


@dataclass(frozen=True, slots=True)
class Picture:
    """The geometry of the frames."""

    width: int  # px as coded
    height: int
    aspect: Fraction  # width of a pixel over its height
    orientation: Orientation
    interlaced: bool
    resized: bool = False  # whether packets say that the size changes
    transfer: Transfer = "standard"  # what the values of pixels mean
    transparent: bool = False  # whether pixels say how opaque they are

    @property
    def shown_size(self) -> tuple[int, int]:
        """Height and width in square pixels, upright."""
        width = max(1, round(self.width * self.aspect))
        return (width, self.height) if self.orientation.transpose else (self.height, width)

    def grown_to(self, sizes: Collection[tuple[int, int]]) -> Picture:
        """The geometry with the largest of these coded heights and widths, or its own if larger."""
        height, width = max([(self.height, self.width), *sizes], key=math.prod)
        return replace(self, width=width, height=height)


@dataclass(frozen=True, slots=True)
class VideoIndex:
    """What the packets of a file say, before all but the first frame are decoded."""

    path: Path
    container: str  # FFmpeg's name of the demuxer
    codec: str
    video_stream: int  # its number among the video streams
    only_video_stream: bool
    picture: Picture
    frame_rate: float  # Hz, on average
    opencv_shift: float  # s, the time that OpenCV gives the first frame
    stamps: array[int] | None  # pts of each packet in units of the stream; None where files lack it
    decode_stamps: array[int]  # dts of each packet, or the pts where there is none
    packet_times: array[float]  # s; empty without stamps
    begin: int  # the first key frame's packet; nothing before it can be decoded
    restarts: array[int]  # per packet: the packet at which decoding must begin for its frame
    droppable: array[int]  # per packet: 1 where no other frame needs it
    shown: array[int]  # per frame: its packet
    frame_times: array[float]  # s, per frame, strictly ascending
    lost: frozenset[int]  # frames that damage hides; ``shown`` has another packet in their place
    joined: bool  # whether the clock in the file begins anew and ``stamps`` runs on: no seeking
    countable: int | None  # packets up to which frames are what one counts; None: all, to the end
    end: float  # s, when the last frame in the file ends
    promised: float  # s, how long the file says it is; more than ``end`` where it was cut off
    cut_off: bool  # whether bytes are missing at its end, however long it was

    @property
    def num_packets(self) -> int:
        """How many coded frames there are."""
        return len(self.restarts)

    def without(self, frames: Collection[int]) -> VideoIndex:
        """The same video with these frames never shown, so that those before them stay longer."""
        kept = [frame for frame in range(len(self.shown)) if frame not in frames]
        return replace(
            self,
            shown=array("q", (self.shown[frame] for frame in kept)),
            frame_times=array("d", (self.frame_times[frame] for frame in kept)),
            lost=frozenset(place for place, frame in enumerate(kept) if frame in self.lost),
        )

    def is_key(self, packet: int) -> bool:
        """Whether decoding can begin at this packet."""
        return self.restarts[packet] == packet

    def is_open_gop(self, key: int) -> bool:
        """Whether frames coded after this H.264 key frame refer to frames before it."""
        stamps, following = self.stamps, key + 1
        if stamps is None or self.codec != "h264" or following >= len(stamps):
            return False
        return stamps[following] < stamps[key] or self.restarts[following] < key

    def frame_of(self, packet: int) -> int:
        """The frame that is shown when this packet's would be: its own, or the one before."""
        return max(0, bisect_right(self.frame_times, self.packet_times[packet]) - 1)

    def packet_with(self, stamp: int | None) -> int | None:
        """The packet of the shown frame with this presentation stamp, if there is one."""
        stamps = self.stamps
        if stamp is None or stamps is None:
            return None
        place = bisect_left(self.shown, stamp, key=stamps.__getitem__)
        if place == len(self.shown) or stamps[self.shown[place]] != stamp:
            return None
        return self.shown[place]

    def frame_near(self, time: float) -> int | None:
        """The frame with this time, up to the millisecond that containers round to; else None."""
        frame = bisect_right(self.frame_times, time + CLOCK_TOLERANCE) - 1
        return frame if frame >= 0 and time - self.frame_times[frame] <= CLOCK_TOLERANCE else None
