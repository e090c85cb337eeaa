"""What a repository may hold. Everything here is checked before a file gets its final name.

Nothing that is downloaded is ever run: no pickles, no code. These checks keep out what could harm
without being run: names that lead out of the store, and files that claim absurd sizes.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

from linvt_cli.errors import UnsafeFilesError
from linvt_cli.types import TEXT_FILES, WEIGHTS_INDEX

MAX_TEXT_SIZE = 1 << 27
"""Bytes of the largest JSON or tokenizer file. The largest known, Gemma's, has 35 MB."""

MAX_HEADER_SIZE = 100_000_000
"""Bytes of the largest safetensors header: the limit of the format's own library."""

WEIGHTS_SUFFIX = ".safetensors"

_UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')  # characters that some file system refuses
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # by Windows
_MAX_PATH = 200


def require_inside(path: str) -> None:
    """Refuse a name in a listing that leads out of its folder, whether it is fetched or not.

    Raises:
        UnsafeFilesError: if it does.
    """
    if any(part in ("", ".", "..") for part in re.split(r"[/\\]", path)) or "\0" in path:
        raise _leads_out(path)


def require_safe_path(path: str) -> None:
    """Refuse a file name that could lead out of its folder or means something special anywhere.

    Raises:
        UnsafeFilesError: if it does.
    """
    parts = path.split("/")
    harmless = (
        len(path) <= _MAX_PATH
        and not _UNFIT.search(path)
        and all(part not in ("", ".", "..") for part in parts)
        and not any(part[-1] in ". " or _RESERVED.fullmatch(part) for part in parts)
    )
    if not harmless:
        raise _leads_out(path)


def _leads_out(path: str) -> UnsafeFilesError:
    return UnsafeFilesError(
        f"A file is named {path[:_MAX_PATH]!r}, which could be written outside of its folder",
        hint="do not use this repository",
    )


def is_text_file(path: str) -> bool:
    """Whether a file of a model is one of its small ones: configuration or tokenizer."""
    return any(PurePosixPath(path).match(pattern) for pattern in TEXT_FILES)


def require_safe_content(path: str, file: Path) -> None:
    """Refuse a file that is not what its name says.

    Args:
        path: name inside the repository.
        file: where it is now.

    Raises:
        UnsafeFilesError: if it is something else.
        OSError: if it cannot be read.
    """
    suffix = PurePosixPath(path).suffix
    if suffix == WEIGHTS_SUFFIX:
        _require_safetensors(path, file)
    elif suffix == ".json":
        parsed = read_json(file, name=path)
        if path.endswith(WEIGHTS_INDEX):
            shards_of(parsed, name=path)


def read_json(file: Path, *, name: str) -> Any:
    """Read strict JSON of bounded size: NaN and infinities are refused.

    Raises:
        UnsafeFilesError: if the file is something else.
        OSError: if it cannot be read.
    """
    size = file.stat().st_size
    if size > MAX_TEXT_SIZE:
        _refuse(name, f"has {size:,} bytes of JSON, where at most {MAX_TEXT_SIZE:,} make sense")
    try:
        return json.loads(
            file.read_bytes().decode("utf-8"),
            parse_constant=lambda word: _refuse(name, f"has the value {word}"),
            parse_float=lambda digits: _finite(name, digits),
        )
    except (ValueError, RecursionError) as error:
        _refuse(name, f"cannot be read as JSON ({type(error).__name__})", error)


def shards_of(index: Any, *, name: str) -> frozenset[str]:
    """Return which files an index of weights names.

    Raises:
        UnsafeFilesError: if it is no index, or one names something else than safetensors beside it.
    """
    weight_map = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(weight_map, dict) or not weight_map:
        _refuse(name, "is no index of weights")
    shards = frozenset(map(str, weight_map.values()))
    for shard in shards:
        require_safe_path(shard)
        if not shard.endswith(WEIGHTS_SUFFIX) or "/" in shard:
            _refuse(name, f"names '{shard}', which is no safetensors file beside it")
    return shards


def _require_safetensors(path: str, file: Path) -> None:
    """Check header, offsets and sizes; no weight is read."""
    from safetensors import SafetensorError, safe_open

    size = file.stat().st_size
    with file.open("rb") as opened:
        claimed = int.from_bytes(opened.read(8), "little")
    if claimed > min(MAX_HEADER_SIZE, size):
        _refuse(path, f"claims a header of {claimed:,} bytes")
    try:
        with safe_open(file, framework="np"):
            pass
    except SafetensorError as error:
        _refuse(path, f"is no safetensors file ({error})", error)


def _finite(name: str, digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        _refuse(name, f"has the number {digits}")
    return number


def _refuse(name: str, reason: str, cause: Exception | None = None) -> NoReturn:
    raise UnsafeFilesError(f"'{name}' {reason}", hint="do not use these files") from cause
