"""What is in a file, as one hash: the same bytes under another name are the same video."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from linvt_cli.errors import VideoError
from linvt_cli.video.files import shown_name

_WHOLE_BYTES = 64 << 20  # files up to this size are read whole
_NUM_BLOCKS = 1024  # of larger ones so many blocks are read, evenly spaced
_BLOCK_BYTES = _WHOLE_BYTES // _NUM_BLOCKS


def content_hash(path: Path) -> str:
    """Return a SHA-256 over the size of a file and its bytes, in hexadecimal.

    Of a file over 64 MiB, 1024 evenly spaced blocks of 64 KiB are read, the first and the last
    among them: who encodes a video anew changes all of them.

    Raises:
        VideoError: if the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            digest = hashlib.sha256(f"{size}\n".encode())
            if size <= _WHOLE_BYTES:
                while block := file.read(1 << 20):
                    digest.update(block)
            else:
                for number in range(_NUM_BLOCKS):
                    file.seek((size - _BLOCK_BYTES) * number // (_NUM_BLOCKS - 1))
                    digest.update(file.read(_BLOCK_BYTES))
    except OSError as error:
        raise VideoError(
            f"{shown_name(path)} cannot be read: {error.strerror}", path=path
        ) from error
    return digest.hexdigest()
