"""Keeping frames as they arrive, and telling what of the wanted ones is there."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np

from linvt_cli.errors import VideoDecodeError, VideoError
from linvt_cli.types import Frames, VideoInfo
from linvt_cli.video.files import shown_name
from linvt_cli.video.sampling import Choice, Timeline
from linvt_cli.video.shrink import resize

# Frame number and upright (H, W, 3) uint8 RGB; None for a damaged frame, even if given before.
NumberedPixels = Iterable[tuple[int, np.ndarray | None]]


class Collected:
    """Frames as they arrive, shrunk at once so that no more than the wanted ones are held."""

    def __init__(
        self,
        choice: Choice,
        size: tuple[int, int],
        path: Path,
        *,
        lost: Collection[int] = frozenset(),
    ) -> None:
        self.choice = choice
        self.lost = lost  # frames that no decoder can give
        self.path = path
        self.size = size
        self.places = {number: place for place, number in enumerate(choice.frames)}
        self.damaged: set[int] = set()
        self.filled = np.zeros(len(choice.frames), dtype=bool)
        try:
            self.pixels = np.empty((len(choice.frames), *size, 3), dtype=np.uint8)
        except MemoryError as error:
            raise VideoError(
                f"{len(choice.frames)} frames of {size[1]}x{size[0]} pixels do not fit into memory",
                path=path,
                hint="ask for fewer frames",
            ) from error

    @property
    def missing(self) -> tuple[int, ...]:
        """Wanted frames that have not arrived and still may."""
        return tuple(
            n for n, at in self.places.items() if not self.filled[at] and n not in self.lost
        )

    @property
    def unexplained(self) -> tuple[int, ...]:
        """Missing frames of which no decoder said that they are damaged."""
        return tuple(n for n in self.missing if n not in self.damaged)

    def add(self, arriving: NumberedPixels) -> None:
        """Shrinks and keeps frames; drops those that turn out to be damaged."""
        for number, pixels in arriving:
            place = self.places[number]
            if pixels is not None:
                self.pixels[place] = resize(pixels, self.size)
            else:
                self.damaged.add(number)
            self.filled[place] = pixels is not None

    def forget(self) -> None:
        """Drops all that has arrived, because it is not to be trusted."""
        self.filled[:] = False
        self.damaged.clear()

    def frames(self, info: VideoInfo, timeline: Timeline) -> Frames:
        """What has arrived, and what share that is of what was wanted.

        Raises:
            VideoDecodeError: When nothing has arrived.
        """
        arrived = [n for n in self.choice.frames if self.filled[self.places[n]]]
        num_lost = self.choice.num_lost
        num_wanted = len(self.choice.frames) + num_lost
        num_damaged = len(self.choice.frames) - len(arrived)
        if not arrived:
            raise VideoDecodeError(
                f"No wanted frame of {shown_name(self.path)} can be decoded",
                path=self.path,
                hint=_cut_off(timeline) if num_lost else "The file is damaged: copy it again",
            )
        warnings = []
        if num_lost:
            warnings.append(f"{_cut_off(timeline)}: {num_lost} of {num_wanted} frames are lost")
        elif timeline.cut_off:
            warnings.append(_cut_off(timeline))
        if num_damaged:
            warnings.append(f"{num_damaged} of {num_wanted} frames are damaged and were left out")
        return Frames(
            pixels=self.pixels[self.filled] if num_damaged else self.pixels,
            times=tuple(timeline.frame_times[number] for number in arrived),
            video=info,
            coverage=len(arrived) / num_wanted,
            warnings=tuple(warnings),
        )


def _cut_off(timeline: Timeline) -> str:
    if timeline.promised > timeline.end:
        return f"The file was cut off at {timeline.end:.2f} s of {timeline.promised:.2f} s"
    return f"The file was cut off at {timeline.end:.2f} s; how long it was is not known"
