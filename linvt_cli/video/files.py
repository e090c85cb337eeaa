"""Is this argument a file that may be opened, and what is in it by its first bytes.

Everything is decided here before FFmpeg, OpenCV or Pillow see the path, because they would take
``0`` for a camera, ``%04d.png`` for a sequence and ``rtsp://`` for a stream, and because they wait
for ever on a pipe. Playlists are refused: they are lists of other files to open.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Literal

from linvt_cli.errors import VideoDecodeError, VideoError, VideoNotFoundError

Content = Literal["picture", "webp", "video"]

TOKEN_SUFFIX = ".linvt"  # noqa: S105 - no password
"""Of files that hold what was seen of a video, and are asked in its place."""

_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:/+")
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"<?xml", b"<MPD", b"<smil")
_SPECIAL_FILES = (
    (stat.S_ISDIR, "a folder", "name a video in it"),
    (stat.S_ISFIFO, "a named pipe", "write the video to a file first"),
    (stat.S_ISSOCK, "a socket", "write the video to a file first"),
    (stat.S_ISCHR, "a device", "record to a file first: linvt reads files only"),
    (stat.S_ISBLK, "a device", "record to a file first: linvt reads files only"),
)
_HEAD_BYTES = 64
_AVIF_BRANDS = {b"avif", b"avis"}
_SOUND = (
    *(b"ID3", b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2", b"\xff\xe3"),  # MP3
    *(b"\xff\xf1", b"\xff\xf9"),  # AAC
    *(b"fLaC", b"#!AMR"),
)


def shown_name(path: str | Path) -> str:
    """The path in single quotes on one line, whatever characters it has."""
    text = str(path)
    return f"'{text}'" if text.isprintable() else repr(text)


def names_token_file(path: str | Path) -> bool:
    """Whether a path is that of a token file, by its name."""
    return Path(path).suffix.lower() == TOKEN_SUFFIX


def regular_file(path: str | Path) -> Path:
    """The absolute path of a regular, readable file that is not empty.

    Raises:
        VideoNotFoundError: When there is nothing at the path.
        VideoError: When there is something else than a readable regular file.
        VideoDecodeError: When the file is empty.
    """
    name = shown_name(path)
    try:
        status = os.stat(path)  # noqa: PTH116 - Path() would fold 'http://' before it is seen
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise _missing(path) from error
    except OSError as error:
        raise VideoError(
            f"{name} cannot be opened: {error.strerror}",
            path=path,
            hint="check the path, and that the links in it lead somewhere",
        ) from error
    if not os.access(path, os.R_OK):
        raise VideoError(f"{name} may not be read", path=path, hint="check its permissions")
    for is_kind, kind, hint in _SPECIAL_FILES:
        if is_kind(status.st_mode):
            raise VideoError(f"{name} is {kind}, not a video file", path=path, hint=hint)
    if status.st_size == 0:
        raise VideoDecodeError(f"{name} is empty (0 bytes)", path=path, hint="copy it again")
    return Path(os.path.abspath(path))  # noqa: PTH100 - keeps links, so messages show this name


def _missing(path: str | Path) -> VideoError:
    name = shown_name(path)
    if _URL.match(str(path)):
        return VideoError(
            f"{name} is an address, not a file", path=path, hint="download the video first"
        )
    return VideoNotFoundError(
        f"There is no file {name}", path=path, hint="check the spelling and the folder"
    )


def content_of(path: Path) -> Content:
    """What the first bytes of the file promise: a still, a WebP (still or animated) or a video.

    AVIF, still or animated, counts as a still where Pillow can read it.

    Raises:
        VideoDecodeError: When the file is a playlist.
        VideoError: When the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise VideoError(
            f"{shown_name(path)} cannot be read: {error.strerror}",
            path=path,
            hint="check the disk that it is on, or copy the file and try again",
        ) from error
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_PLAYLISTS):
        raise VideoDecodeError(
            f"{shown_name(path)} is a playlist, not a video",
            path=path,
            hint="name the video files that it lists",
        )
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    if head.startswith(b"\xff\xd8\xff"):
        # A raw Motion JPEG stream begins like a still and is told apart by its name only.
        return "video" if path.suffix.lower() in {".mjpg", ".mjpeg"} else "picture"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "video" if b"acTL" in head else "picture"
    return "picture" if _is_avif(head) and pillow_reads_avif() else "video"


def _is_avif(head: bytes) -> bool:
    """Whether the first box, of the file's type, names AVIF."""
    if head[4:8] != b"ftyp":
        return False
    kind, also = head[8:12], head[16 : int.from_bytes(head[:4], "big")]
    brands = {also[place : place + 4] for place in range(0, len(also), 4)}
    return kind in _AVIF_BRANDS or (kind in {b"mif1", b"msf1"} and bool(brands & _AVIF_BRANDS))


@cache
def pillow_reads_avif() -> bool:
    """Whether the installed Pillow has been built with AVIF, which it knows from 11.3 on."""
    from PIL import features

    return "avif" in features.modules and features.check_module("avif")


def begins_like_sound(path: Path) -> bool:
    """Whether the first bytes are those of MP3, AAC, WAV, AIFF, FLAC or AMR: no video."""
    with suppress(OSError), path.open("rb") as file:
        head = file.read(12)
        return head.startswith(_SOUND) or (head[:4], head[8:]) in {
            (b"RIFF", b"WAVE"),
            (b"FORM", b"AIFF"),
        }
    return False
