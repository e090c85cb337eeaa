"""Short videos, pictures above all, share a batch of the vision encoder, which alone is half empty.

Which of them do depends on the videos and their order, never on how soon they are decoded: two runs
give the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linvt_cli.config import FRAMES_PER_BATCH
from linvt_cli.types import Frames

if TYPE_CHECKING:
    from linvt_cli.errors import LinVTError
    from linvt_cli.pipeline import VideoQA
    from linvt_cli.types import VisualFeatures
    from linvt_cli.video.fingerprint import Fingerprint


@dataclass(frozen=True, slots=True)
class Arrival:
    """A video of a batch, decoded or not."""

    number: int  # place in the batch
    frames: Frames | LinVTError | None  # None where its tokens are kept already
    source: Fingerprint | None  # None where there is no file to read


class SharedLook:
    """Videos of a group, which are looked at together when the first of them is.

    Args:
        group: as ``in_groups`` gives it.
    """

    def __init__(self, group: Sequence[Arrival]) -> None:
        self._videos = [each.frames for each in group if isinstance(each.frames, Frames)]
        self._seen: list[tuple[Frames, VisualFeatures]] | None = None

    def result(self, qa: VideoQA, place: int) -> tuple[Frames, VisualFeatures]:
        """Return what the model sees of the video at some place, and its frames.

        What was seen stays right for the same model in fewer bits: its vision encoder has all.

        Raises:
            OutOfMemoryError: if memory does not suffice for a single frame.
        """
        if len(self._videos) == 1:
            return qa.look(self._videos[0])
        if self._seen is None:
            self._seen = qa.look_together(self._videos)
        return self._seen[place]


def in_groups(arrivals: Iterable[Arrival]) -> Iterator[list[Arrival]]:
    """Give videos in their order: short ones together, as many as fill a batch, others alone.

    A video that is not short is given as soon as it arrives, and nothing of it is kept.
    """
    group: list[Arrival] = []
    for arrival in arrivals:
        if group and not _fits(group, arrival):
            yield group
            group = []
        group.append(arrival)
        may_grow = _is_short(arrival) and _num_frames(group) < FRAMES_PER_BATCH
        del arrival  # or its pixels would lie in memory beside the next
        if not may_grow:
            yield group
            group = []
    if group:
        yield group


def _is_short(arrival: Arrival) -> bool:
    return isinstance(arrival.frames, Frames) and 2 * len(arrival.frames.times) <= FRAMES_PER_BATCH


def _fits(group: Sequence[Arrival], arrival: Arrival) -> bool:
    return (
        _is_short(arrival)
        and _frame_size(group[0]) == _frame_size(arrival)
        and _num_frames([*group, arrival]) <= FRAMES_PER_BATCH
    )


def _num_frames(group: Sequence[Arrival]) -> int:
    return sum(len(each.frames.times) for each in group if isinstance(each.frames, Frames))


def _frame_size(arrival: Arrival) -> tuple[int, ...] | None:
    return arrival.frames.pixels.shape[1:] if isinstance(arrival.frames, Frames) else None
