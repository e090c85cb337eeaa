"""Which frames of an AVI file are missing, so that those behind them keep their times.

An AVI file says how many frames there are and where, but not when each is shown: a player counts
them. Where damage hides some from the demuxer, its count falls behind from there on. Whether it
does is told by the chunks between the packets; how many are hidden, by the index at the file's end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

    from linvt_cli.video.scan import Scan

_HEAD = 8  # bytes of a chunk's name and length
_LIST_HEAD = 12
_LISTS = {b"LIST", b"RIFF"}  # what they hold is walked through like what is around them
_NO_FRAMES = {b"JUNK", b"idx1"}
_PALETTE = b"pc"  # a change of colours
_SUFFIXES = {"video": (b"dc", b"db"), "audio": (b"wb",), "subtitle": (b"tx", b"sb")}


@dataclass(frozen=True, slots=True)
class Entry:
    """A frame in the index of an AVI file."""

    position: int  # of its bytes in the file
    stamp: int  # its true number, in units of the stream
    is_key: bool


@dataclass(slots=True)
class Places:
    """Where the packets of a damaged file belong in time."""

    stamps: list[int | None] = field(default_factory=list)  # per packet; None where it is unknown
    lost: list[int] = field(default_factory=list)  # stamps of the frames that cannot be had


def index_entries(stream: VideoStream) -> list[Entry]:
    """The index that the file brings along, read before the packets are: they add to it."""
    return [
        Entry(entry.pos + _HEAD, entry.timestamp, entry.is_keyframe)
        for entry in stream.index_entries or ()
        if entry.size
    ]


def place_packets(
    scan: Scan,
    entries: Sequence[Entry],
    container: InputContainer,
    stream: VideoStream,
    path: Path,
) -> Places | None:
    """The true places of the packets; None where none is missing, so that counting them is right.

    Corrects the key frames of ``scan``, which the demuxer takes from the index by its own count.
    """
    if not scan.positions:
        return None
    with path.open("rb") as file:
        gap = _first_gap(file, scan, _other_chunks(container, stream))
    found = _entries_of(scan.positions, entries)
    if 2 * sum(entry is not None for entry in found) < len(found):
        # A carelessly written file has gaps and no index, and yet all the frames it promises.
        return None if gap is None or len(found) == stream.frames else _places_before(gap, scan)
    if gap is None and found[0] is entries[0] and found[-1] is entries[-1]:
        return None
    places = _places(found, entries, scan.decode_stamps)
    if not places.lost and None not in places.stamps:
        return None
    for number, entry in enumerate(found):
        scan.keys[number] = entry is not None and entry.is_key
    return places


def _places_before(gap: int, scan: Scan) -> Places:
    """Places up to the first gap of a file without an index: behind it the count is unknown."""
    stamps = list(scan.decode_stamps)
    return Places([*stamps[:gap], *[None] * (len(stamps) - gap)], stamps[gap:])


def _places(
    found: Sequence[Entry | None], entries: Sequence[Entry], counted: Sequence[int]
) -> Places:
    """Places by the index; behind a missing frame, all is lost up to the next key frame."""
    numbers = {entry.position: number for number, entry in enumerate(found) if entry is not None}
    places = Places([None] * len(found))
    sound = True
    for entry in entries:
        number = numbers.get(entry.position)
        sound = number is not None and (sound or entry.is_key)
        # Missing packets make the count too low, never too high: then the index is damaged as well.
        if number is None or not sound or entry.stamp < counted[number]:
            places.lost.append(entry.stamp)
        else:
            places.stamps[number] = entry.stamp
    return places


def _other_chunks(container: InputContainer, stream: VideoStream) -> set[bytes]:
    """Names of the chunks that hold the other streams."""
    return {
        b"%02d" % other.index + suffix
        for other in container.streams
        if other.index != stream.index
        for suffix in _SUFFIXES.get(other.type, ())
    }


def _entries_of(positions: Sequence[int], entries: Sequence[Entry]) -> list[Entry | None]:
    """The entry of each packet, if it has one.

    FFmpeg takes the first packet that it finds for the first of the index. Where that one is
    missing, all entries are moved by as much; then the last ones meet.
    """
    known = {entry.position: entry for entry in entries}
    found = [known.get(position) for position in positions]
    shift = entries[-1].position - positions[-1] if entries and positions else 0
    moved = [known.get(position + shift) for position in positions]
    return moved if found.count(None) > moved.count(None) else found


def _first_gap(file: BinaryIO, scan: Scan, others: set[bytes]) -> int | None:
    """The first packet that does not follow the one before it chunk by chunk."""
    for number, (place, then) in enumerate(pairwise(scan.positions), start=1):
        end = place + scan.sizes[number - 1]
        if not _follows(file, end + (end - place) % 2, then - _HEAD, others):
            return number
    return None


def _follows(file: BinaryIO, position: int, target: int, others: set[bytes]) -> bool:
    """Whether from one position to another there are whole chunks without frames of the stream."""
    while position < target:
        file.seek(position)
        head = file.read(_HEAD)
        name, length = head[:4], int.from_bytes(head[4:], "little")
        if name in _LISTS:
            position += _LIST_HEAD
            continue
        is_known = name in others | _NO_FRAMES or name[:2] == b"ix" or name[2:] == _PALETTE
        if len(head) < _HEAD or (length and not is_known):
            return False
        position += _HEAD + length + length % 2
    return position == target
