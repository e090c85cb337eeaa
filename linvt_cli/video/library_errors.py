"""What PyAV raises where damage confuses it, as an error of the video."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

import av

from linvt_cli.errors import VideoDecodeError
from linvt_cli.video.files import shown_name


@contextmanager
def errors_of_damage(path: Path) -> Iterator[None]:
    """Turns errors that come from within PyAV into errors of the video; those of linvt stay bugs.

    Raises:
        VideoDecodeError: Where PyAV raised an error that nobody expected there.
    """
    try:
        yield
    except (av.FFmpegError, IndexError, ValueError) as error:
        if not (isinstance(error, av.FFmpegError) or _comes_from_pyav(error)):
            raise
        raise VideoDecodeError(
            f"{shown_name(path)} cannot be decoded ({type(error).__name__}: {error})",
            path=path,
            hint="the file is probably damaged: copy it again",
        ) from error


def _comes_from_pyav(error: Exception) -> bool:
    """Whether PyAV raised the error: its compiled files keep the names of their sources."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and "av" in PurePath(frames[-1].filename).parent.parts
