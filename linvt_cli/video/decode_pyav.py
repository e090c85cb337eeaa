"""Decoding planned frames with PyAV.

Each packet carries its number through the decoder, so every frame that comes out says by itself
which one it is: no time is guessed and none is compared.

Strict about damage. The fast way may use many threads and ends with ``DamageFound`` at the first
error. The careful way uses one thread, so that an error belongs to one packet, and listens to
libav's messages, which tell of painted-over errors; then nothing between two key frames is
believed.

Damage that happens to make other lawful video is beyond what a decoder can see. That is the
exception in H.264 and MPEG-4, which refuse most of it, and happens in Motion JPEG, where a part of
one picture may look odd. It is the rule in VP8, VP9, FFV1, GIF, HEVC and AV1.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

import av
import numpy as np

from linvt_cli.video.container import PacketNumber, check_size, demux, open_container
from linvt_cli.video.index import VideoIndex
from linvt_cli.video.messages import Message, listening, tell_of_damage
from linvt_cli.video.plan import Run, plan_pyav
from linvt_cli.video.transparency import may_be_seen_through, on_black

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

Advance = Callable[[], None]
# Frame number and (H, W, 3) uint8 RGB as coded; None for a damaged frame, even if given before.
DecodedFrame = tuple[int, np.ndarray | None]

_STRICT = {"err_detect": "+crccheck+bitstream+buffer+explode"}
_ANY_STAMP = -(2**63)
_DECODE_ERRORS = (av.FFmpegError, OSError, EOFError, ValueError)


class DamageFound(Exception):  # noqa: N818 - a finding that changes the way, no failure yet
    """A packet cannot be decoded as it should be."""


def decode_pyav(
    index: VideoIndex,
    frames: Sequence[int],
    *,
    advance: Advance,
    careful: bool = False,
    seeks: bool = True,
    threads: int = 0,
) -> Iterator[DecodedFrame]:
    """The wanted frames, each once, in no promised order; with ``careful`` those that are sound.

    ``advance`` is called for every packet. Without ``seeks`` all is walked through. 0 ``threads``
    are one for each core.

    Raises:
        DamageFound: At the first error, unless ``careful``; what came before is not to be trusted.
    """
    if not frames:
        return
    feeder = _Feeder(index, threads=1 if careful else threads, careful=careful)
    if index.stamps is None:
        yield from _numbered(_frames_in_order(feeder, index.countable, advance), set(frames), index)
        return
    runs = plan_pyav(index, frames).runs if seeks else (Run(index.begin, tuple(frames)),)
    decoder = _Decoder(index, feeder, advance)
    try:
        for run in runs:
            yield from decoder.decode(run)
    finally:
        decoder.feeder.container.close()


def _rgb(frame: VideoFrame, index: VideoIndex) -> np.ndarray:
    check_size(frame.width, frame.height, index.path)
    if may_be_seen_through(frame.format):
        return on_black(frame.to_ndarray(format="rgba"))
    return frame.to_ndarray(format="rgb24")


def _numbered(
    frames: Iterator[VideoFrame], wanted: set[int], index: VideoIndex
) -> Iterator[DecodedFrame]:
    for number, frame in enumerate(itertools.islice(frames, max(wanted) + 1)):
        if number in wanted:
            yield number, _rgb(frame, index)


def _frames_in_order(
    feeder: _Feeder, countable: int | None, advance: Advance
) -> Iterator[VideoFrame]:
    """Frames of a stream without times, up to the first error: behind it the count is lost.

    What is still inside where the sound packets end comes out too early without those that follow.
    """
    with feeder.container:
        packets = itertools.islice(feeder.packets(), countable)
        for packet in packets if countable is not None else itertools.chain(packets, (None,)):
            advance()
            frames = feeder.feed(packet)
            if frames is None:
                return
            yield from frames


class _Feeder:
    """An open file with its decoder, which takes packets and gives frames or notices damage."""

    def __init__(
        self, index: VideoIndex, *, threads: int, careful: bool, strict: bool = True
    ) -> None:
        self.index = index
        self.threads = threads
        self.careful = careful
        self.strict = strict
        self.container = open_container(index.path)
        self.stream: VideoStream = self.container.streams.video[index.video_stream]
        self.codec = self.stream.codec_context
        self._set_up()

    def _set_up(self) -> None:
        self.codec.options = dict(_STRICT) if self.strict else {}
        self.codec.thread_count = self.threads
        self.codec.thread_type = "AUTO"
        self.codec.copy_opaque = True

    def packets(self) -> Iterator[Packet[VideoStream]]:
        """The packets from where the file stands."""
        return demux(self.container, self.stream)

    def feed(self, packet: Packet[VideoStream] | None) -> list[VideoFrame] | None:
        """Frames that come out after this packet, or, after None, all that are still inside.

        None where the packet is damaged.

        Raises:
            DamageFound: Instead of None on the fast way.
        """
        messages: list[Message] = []
        frames: list[VideoFrame] | None = None
        if packet is None or not packet.is_corrupt:
            with suppress(*_DECODE_ERRORS), listening(messages) if self.careful else nullcontext():
                frames = self.codec.decode(packet)
        if self.strict and tell_of_damage(messages):
            frames = None
        # Damage that libav paints over raises nothing; frames after it may be wrong without a mark.
        painted_over = any(frame.is_corrupt for frame in frames or ())
        if not self.careful and (frames is None or painted_over):
            raise DamageFound
        return frames

    def seek(self, stamp: int) -> None:
        """Go to a key frame, with a decoder that takes packets again."""
        self.container.seek(stamp, stream=self.stream)
        if self.codec is not self.stream.codec_context:  # which is all that a seek empties
            self.codec.flush_buffers()

    def forget(self) -> None:
        """Empty the decoder of all that damage has left in it."""
        if self.codec.name != "h264":
            self.codec.flush_buffers()
            return
        # Slices of a broken-off picture outlive a flush and spoil the next key frame.
        reordered = getattr(self.codec, "reorder_depth", None)  # from PyAV 17 on
        extradata = self.codec.extradata
        self.codec = av.CodecContext.create("h264", "r")
        self.codec.extradata = extradata
        self._set_up()
        if reordered is not None:
            self.codec.reorder_depth = reordered


class _Decoder:
    """Decodes runs: seeks, feeds packets, and empties the decoder at the end of each."""

    def __init__(self, index: VideoIndex, feeder: _Feeder, advance: Advance) -> None:
        self.index = index
        self.stamps = index.stamps or index.decode_stamps
        self.feeder = feeder
        self.advance = advance
        self.skips = any(index.droppable) and not index.picture.interlaced
        self.damaged = False  # since the last key frame
        self.discredited: set[int] = set()  # key frames with damage between them and the next
        # Frames shown before this stamp may refer to what was not decoded (an open GOP).
        self.sound_from = _ANY_STAMP
        self.fresh = True

    def decode(self, run: Run) -> Iterator[DecodedFrame]:
        """The run's frames, as many as are sound."""
        wanted = {self.index.shown[frame]: frame for frame in run.targets}
        given: set[int] = set()
        for frame in self._frames(run.start, wanted):
            number = frame.opaque
            if number in wanted and number not in given:
                given.add(number)
                yield wanted[number], None if frame.is_corrupt else _rgb(frame, self.index)
        for number, target in wanted.items():
            if self.index.restarts[number] in self.discredited:
                yield target, None

    def _frames(self, start: int, wanted: dict[int, int]) -> Iterator[VideoFrame]:
        last = max(wanted)
        self.damaged = False
        # An H.264 decoder takes the pictures that an open GOP leaves out for damage.
        self._open(strict=start == self.index.begin or not self.index.is_open_gop(start))
        reached = start
        for reached, packet in self._packets_from(start):
            # Damage behind the last wanted frame discredits it too, up to the next key frame.
            if reached > last and (self.index.is_key(reached) or not self.feeder.careful):
                break
            yield from self._feed(packet, reached, skip=self.skips and reached not in wanted)
        self.discredited.update(self.index.restarts[n] for n in wanted if n > reached)
        yield from self.feeder.feed(None) or ()

    def _packets_from(self, start: int) -> Iterator[tuple[int, Packet[VideoStream]]]:
        """Packets with their numbers from ``start`` on, up to one that is not in the index."""
        begin = self.index.begin
        first, packets = (0, self._rewind()) if start == begin else self._seek(start)
        origin = begin if first == 0 else start
        self.sound_from = self.stamps[origin]
        if origin == begin:  # a closed GOP may begin with frames shown before its key frame
            self.sound_from = min(self.sound_from, self.stamps[self.index.shown[0]])
        for number, packet in enumerate(packets, start=first):
            if number >= len(self.stamps):
                return
            if not self.index.joined and packet.pts not in (None, self.stamps[number]):
                return
            if number >= origin:
                yield number, packet

    def _open(self, *, strict: bool) -> None:
        if strict != self.feeder.strict:
            self._reopen(strict=strict)

    def _reopen(self, *, strict: bool) -> None:
        self.feeder.container.close()
        before = self.feeder
        self.feeder = _Feeder(
            self.index, threads=before.threads, careful=before.careful, strict=strict
        )
        self.fresh = True

    def _rewind(self) -> Iterator[Packet[VideoStream]]:
        if not self.fresh:
            self._reopen(strict=True)
        self.fresh = False
        return self.feeder.packets()

    def _seek(self, number: int) -> tuple[int, Iterator[Packet[VideoStream]]]:
        """Packets from a key frame at or before ``number``, with the number of the first.

        Where the seek comes out behind it or at an unknown place, the walk begins at the beginning.
        """
        self.fresh = False
        for stamps in self._stamps_to_seek_by():
            try:
                self.feeder.seek(stamps[number])
            except _DECODE_ERRORS:
                continue
            packets = self.feeder.packets()
            first = next(packets, None)
            found = None if first is None else self.index.packet_with(first.pts)
            if first is not None and found is not None and found <= number:
                return found, itertools.chain((first,), packets)
        return 0, self._rewind()

    def _stamps_to_seek_by(self) -> Iterator[Sequence[int]]:
        """Kinds of stamps that libav's demuxer takes for this container, the best one first."""
        if self.index.container.startswith(("mov", "matroska")):
            # In MP4 a decode stamp would lead to the key frame before the one that has it.
            yield self.stamps
        if not self.index.container.startswith("matroska"):
            yield self.index.decode_stamps

    def _feed(self, packet: Packet[VideoStream], number: int, *, skip: bool) -> list[VideoFrame]:
        self.advance()
        if self.damaged and self.index.is_key(number):
            self.damaged = False
            self.sound_from = self.stamps[number]
        if self.damaged or self.stamps[number] < self.sound_from:
            return []
        packet.opaque = PacketNumber(number)
        self.feeder.codec.skip_frame = "NONREF" if skip else "DEFAULT"
        frames = self.feeder.feed(packet)
        if frames is not None:
            return frames
        self.damaged = True
        self.discredited.add(self.index.restarts[number])
        frames = self.feeder.feed(None) or []  # what is still inside
        self.feeder.forget()
        return frames
