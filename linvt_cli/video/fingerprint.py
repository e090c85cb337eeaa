"""What a file holds, as a short text: the same under another name, another one after a change."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from linvt_cli.errors import VideoError
from linvt_cli.video.files import regular_file, shown_name

PIXELS_VERSION = 3
"""Raised when decoding or resizing changes which pixels come out of a file."""
WHOLE_BYTES = 64 << 20
"""Up to this size every byte counts."""
_NUM_BLOCKS = 64
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Size and hash of a file's content."""

    digest: str  # "sha256:…" of all bytes, or "sampled-sha256:…" of a large file
    size: int  # bytes


def fingerprint(path: str | Path) -> Fingerprint:
    """Return size and hash of a file.

    Of a file above 64 MiB, its size and 64 blocks of 1 MiB are hashed, evenly spaced, the first and
    the last among them. A change that leaves the size and all of these blocks alone goes unseen: no
    encoder writes such a file.

    Raises:
        VideoError: When it is no file that can be read.
    """
    file = regular_file(path)
    try:
        with file.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            if size <= WHOLE_BYTES:
                return Fingerprint(
                    f"sha256:{hashlib.file_digest(opened, 'sha256').hexdigest()}", size
                )
            summed = hashlib.sha256(f"{size}\n".encode())
            last = size - _BLOCK_BYTES
            for block in range(_NUM_BLOCKS):
                opened.seek(block * last // (_NUM_BLOCKS - 1))
                summed.update(opened.read(_BLOCK_BYTES))
    except OSError as error:
        raise VideoError(
            f"{shown_name(path)} cannot be read: {error.strerror}",
            path=path,
            hint="check the disk that it is on, or copy the file and try again",
        ) from error
    return Fingerprint(f"sampled-sha256:{summed.hexdigest()}", size)
