"""Which weights a folder holds, as a short text that is had without reading gigabytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from linvt_cli.models.safety import MAX_HEADER_SIZE, WEIGHTS_SUFFIX, is_text_file
from linvt_cli.models.source import is_commit

_PIECES, _PIECE_BYTES = 4, 64  # of each tensor
_DIGITS = 16


def version_of(folder: Path) -> str:
    """Return a text that changes with the weights, the configuration and the tokenizer of a folder.

    That is the commit where the folder is named by one, as those of pulled models are. Else all
    small files are hashed, and of each tensor its name, its shape and 256 bytes: training leaves no
    tensor as it was. Times and the place of the folder count for nothing, so copies have one
    version.
    """
    if is_commit(folder.name):
        return folder.name
    digest = sha256()
    for path in sorted(folder.glob("*")):
        if path.suffix == WEIGHTS_SUFFIX or is_text_file(path.name):
            digest.update(f"{path.name}\0".encode(errors="surrogateescape"))
            for piece in _pieces(path):
                digest.update(piece)
    return digest.hexdigest()[:_DIGITS]


def _pieces(path: Path) -> Iterator[bytes]:
    """Read what tells a file from others; what is wrong with it is said when it is loaded."""
    try:
        with path.open("rb", buffering=0) as file:
            if path.suffix == WEIGHTS_SUFFIX:
                yield from _pieces_of_weights(file)
            else:
                yield file.read()
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return


def _pieces_of_weights(file: BinaryIO) -> Iterator[bytes]:
    size = int.from_bytes(file.read(8), "little")
    header = file.read(min(size, MAX_HEADER_SIZE))
    yield header
    for name, about in json.loads(header).items():
        if name == "__metadata__":
            continue
        begin, end = about["data_offsets"]
        for number in range(_PIECES):
            file.seek(8 + size + begin + (end - begin) * number // _PIECES)
            yield file.read(min(_PIECE_BYTES, end - begin))
