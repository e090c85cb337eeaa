"""The cache of refined tokens: the next question about a video costs no decoding and no vision."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import torch

from linvt_cli.config import FrameSampling
from linvt_cli.errors import TokenFileError
from linvt_cli.pipeline.identity import Identity
from linvt_cli.pipeline.token_file import (
    FORMAT_VERSION,
    SavedTokens,
    read_token_file,
    write_token_file,
)
from linvt_cli.pipeline.watched import WatchedVideo
from linvt_cli.settings.folders import user_folder
from linvt_cli.video.files import TOKEN_SUFFIX, names_token_file, regular_file
from linvt_cli.video.fingerprint import PIXELS_VERSION, Fingerprint, fingerprint

DEFAULT_MAX_BYTES = 1 << 30
_HOUR = 3600.0  # s
_RECIPE = 1  # raised when refining changes what comes out


@dataclass(frozen=True, slots=True)
class CachedTokens:
    """One file of the cache."""

    path: Path
    size: int  # bytes
    last_used: float  # seconds since 1970


def cache_folder() -> Path:
    """Return where the cache is: ``tokens`` in ``LINVT_HOME``, else in the user's cache folder."""
    return user_folder("cache") / "tokens"


class TokenCache:
    """Token files named by what they hold, the least recently used of which make room.

    A cache that cannot be written or read is none: nothing fails because of it.

    Args:
        folder: where the files are; where left out, the one of this user.
        max_bytes: of all files together.
    """

    def __init__(self, folder: Path | None = None, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self.folder = cache_folder() if folder is None else folder
        self.max_bytes = max_bytes

    def slot(
        self, content: str, sampling: FrameSampling, identity: Identity, dtype: torch.dtype
    ) -> Path:
        """Return the file for some frames of a video as some weights see them, there or not.

        Args:
            content: hash of the video's file; its name plays no part.
            sampling: which frames.
            identity: of the weights.
            dtype: in which they compute.
        """
        facts = {
            "format": FORMAT_VERSION,
            "recipe": _RECIPE,
            "pixels": PIXELS_VERSION,
            "content": content,
            "sampling": asdict(sampling),
            "identity": asdict(identity),
            "dtype": str(dtype),
        }
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        return self.folder / f"{digest[:40]}{TOKEN_SUFFIX}"

    def find(
        self,
        slot: Path,
        video: str | Path,
        embed_dim: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> WatchedVideo | None:
        """Return what is kept of a video under the name that it has now, or None."""
        if not _is_there(slot):
            return None
        try:
            watched = read_token_file(slot, embed_dim, device, dtype).watched
        except TokenFileError:
            with suppress(OSError):
                slot.unlink()
            return None
        with suppress(OSError):
            os.utime(slot)
        info = replace(watched.frames.video, path=Path(video))
        return replace(
            watched, video=str(video), frames=replace(watched.frames, video=info), cached=True
        )

    def keep(self, slot: Path, saved: SavedTokens) -> None:
        """Write a watched video, and let the least recently used ones make room for it."""
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_token_file(slot, saved)
            self._make_room()

    def entries(self) -> list[CachedTokens]:
        """Return all files, the last used first."""
        return sorted(self._entries(), key=lambda entry: entry.last_used, reverse=True)

    def _entries(self) -> Iterator[CachedTokens]:
        with suppress(OSError):  # the folder may not be read
            for path in self.folder.glob(f"[!.]*{TOKEN_SUFFIX}"):
                with suppress(OSError):  # another process made room
                    status = path.stat()
                    yield CachedTokens(path, status.st_size, status.st_mtime)

    def sweep(self) -> None:
        """Remove what broken-off writes left; one that goes on takes no hour."""
        with suppress(OSError):
            for path in self.folder.glob(f".*{TOKEN_SUFFIX}.*"):
                with suppress(OSError):
                    if time.time() - path.stat().st_mtime > _HOUR:
                        path.unlink()

    def _make_room(self) -> None:
        self.sweep()
        total = 0
        for entry in self.entries():
            total += entry.size
            if total > self.max_bytes:
                entry.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Memory:
    """The cache as one model sees it. Holds no weights; threads may ask it at the same time."""

    cache: TokenCache | None
    identity: Identity
    dtype: torch.dtype

    def slot(self, cache: TokenCache, source: Fingerprint, sampling: FrameSampling) -> Path:
        """Return the file for some frames of a video, there or not."""
        return cache.slot(source.digest, sampling, self.identity, self.dtype)

    def holds(self, video: str | Path, sampling: FrameSampling) -> Fingerprint | None:
        """Return what file a video is, if it need not be decoded: its tokens are on disk.

        Whether they can be read is seen when they are read.

        Raises:
            VideoError: if it is no file that can be read.
        """
        if names_token_file(video):
            return known_fingerprint(video)
        if self.cache is None:
            return None
        source = known_fingerprint(video)
        return source if _is_there(self.slot(self.cache, source, sampling)) else None


def _is_there(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - Path.exists() raises where it may not look


def known_fingerprint(video: str | Path) -> Fingerprint:
    """Return what a file holds; a file that has not changed since is not read again.

    Raises:
        VideoError: if it is no file that can be read.
    """
    path = regular_file(video)
    status = path.stat()
    return _content(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _content(path: Path, size: int, changed: int) -> Fingerprint:
    return fingerprint(path)
