"""What an entry of a public data set says, before its video has been looked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from linvt_cli.training.video_data.fields import FieldError, file_name_of, shown
from linvt_cli.training.video_data.samples import Exchange


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that the video of an entry may be in, and which part of it."""

    name: str  # below the folder of videos, with forward slashes
    start: float | None = None  # s
    end: float | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A conversation about a video that goes by one of several names, the likeliest first."""

    candidates: tuple[Candidate, ...]
    exchanges: tuple[Exchange, ...]
    source: str = ""


def published_name(value: object, field: str) -> str:
    """Return the name of a video as a data set writes it.

    Raises:
        FieldError: if it is none, or leads out of the folder of videos.
    """
    name = file_name_of(value, field)
    pure = PurePosixPath(name)
    if not pure.parts:
        raise FieldError(field, f"is no name of a file: {shown(name)}")
    if pure.is_absolute() or ".." in pure.parts:
        raise FieldError(field, f"leads out of the folder of videos: {shown(name)}")
    return str(pure)
