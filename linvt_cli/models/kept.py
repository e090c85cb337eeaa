"""Files that are on this machine already, such as in the cache that Hugging Face tools share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from linvt_cli.models.checksum import Checksum, hash_file
from linvt_cli.models.selection import RemoteFile
from linvt_cli.settings.folders import expanded


def has_size(path: Path, size: int) -> bool:
    """Whether there is a file of so many bytes."""
    return path.is_file() and path.stat().st_size == size


def hub_cache() -> Path:
    """Return the folder of that cache, found as the hub's library finds it, which takes longer."""
    home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("HF_HOME", f"{home}/huggingface")
    cache = os.environ.get("HUGGINGFACE_HUB_CACHE", f"{home}/hub")
    return expanded(os.path.expandvars(os.environ.get("HF_HUB_CACHE", cache)))


def hub_cache_folder(repo: str) -> Path:
    """Return where that cache keeps a repository, there or not."""
    return hub_cache() / f"models--{repo.replace('/', '--')}"


def hub_cache_blob(repo: str, checksum: Checksum) -> Path:
    """Return where that cache keeps a file, there or not. It names files by their checksums."""
    return hub_cache_folder(repo) / "blobs" / checksum.hex


def find_in_hub_cache(repo: str, file: RemoteFile) -> Path | None:
    """Return where that cache keeps a file, if it is there, whole, and may be read."""
    blob = hub_cache_blob(repo, file.checksum)
    try:
        return blob if has_size(blob, file.size) and os.access(blob, os.R_OK) else None
    except OSError:  # another user's, say: fetching does without
        return None


def link_or_copy(found: Path, new: Path) -> None:
    """Make a file appear at another place, without a second copy where the disk allows.

    Raises:
        OSError: if it cannot be copied.
    """
    new.unlink(missing_ok=True)
    try:
        os.link(found.resolve(), new)
    except OSError:  # another disk, or one without links
        shutil.copyfile(found, new)


def wrong_files(
    files: Iterable[RemoteFile], folder: Path, hashed: Mapping[str, str]
) -> frozenset[str]:
    """Return the paths of files that are here and not what is listed, even under the same commit.

    They stay until the right ones are here.

    Args:
        files: that are wanted.
        folder: where they are.
        hashed: SHA-256, by path, of files that need not be read for that.
    """
    here = [
        file
        for file in files
        if hashed.get(file.path) != file.checksum.hex and (folder / file.path).is_file()
    ]
    return frozenset(
        file.path
        for file in here
        if not hash_file(folder / file.path, file.checksum.kind).matches(file.checksum)
    )
