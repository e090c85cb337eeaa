"""A cache of features on disk: its arrays, and how far it is filled with which clips."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from linvt_cli.errors import ConfigError
from linvt_cli.training.settings_file import require_same
from linvt_cli.training.whole_file import write_whole

_PROGRESS = "progress.json"
Array = np.memmap[Any, Any]


def clips_done(folder: Path, clips: Mapping[str, Any]) -> int:
    """Return how many clips of a set a folder holds.

    Folders of old do not tell of which set; they are taken at their word.

    Args:
        folder: of the cache.
        clips: which set is wanted, as JSON values.

    Raises:
        ConfigError: the folder holds features of other clips.
    """
    path = folder / _PROGRESS
    if not path.exists():
        return 0
    progress = json.loads(path.read_text(encoding="utf-8"))
    if "clips" in progress:
        require_same(progress["clips"], clips, refusal=f"'{folder}' holds features of other clips")
    return int(progress["done"])


def write_progress(folder: Path, clips: Mapping[str, Any], done: int) -> None:
    """Write down how many clips of which set a folder holds."""
    write_whole(folder / _PROGRESS, json.dumps({"done": done, "clips": clips}))


def open_array(path: Path, dtype: type, shape: tuple[int, ...]) -> Array:
    """Map an array into memory to be written to, and make it where it is missing.

    Raises:
        ConfigError: it is there with another shape.
        OSError: if the disk has no room for it.
    """
    if not path.exists():
        array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
        _take_room(path)
        return array
    array = np.lib.format.open_memmap(path, mode="r+")
    if array.shape != shape:
        raise ConfigError(
            f"'{path.parent}' holds features of other clips: the shape of {path.name} was"
            f" {array.shape}, and is {shape}",
            field="output",
            hint="give the options of its first run, or another folder with -o",
        )
    return array


def _take_room(path: Path) -> None:
    """Take all blocks of a new file; writing to a hole of it on a full disk kills a process."""
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        with path.open("rb+") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError:
        path.unlink()
        raise
