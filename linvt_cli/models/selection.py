"""Decides which files of a repository are pulled: weights, JSON and tokenizer files, no others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath

from linvt_cli.errors import UnsafeFilesError
from linvt_cli.models.checksum import Checksum
from linvt_cli.models.safety import (
    MAX_TEXT_SIZE,
    WEIGHTS_SUFFIX,
    is_text_file,
    require_inside,
    require_safe_path,
)
from linvt_cli.models.source import HubSource
from linvt_cli.types import WEIGHTS_INDEX

_FOLDERS = {"", "adapter"}  # a LinVT checkpoint may carry a LoRA
_LORA = {"adapter_config.json", "adapter_model.safetensors"}  # beside weights: of no use to them
_CODE_OR_PICKLE = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".h5", ".msgpack"}
_OF_TRAINING = ("trainer_state.json", "*_results.json", "training_args*.json")
"""Names, as patterns, of what a trainer wrote beside a model: no part of it, and often no JSON."""
_MAX_FILES = 1000


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as the hub lists it."""

    path: str
    size: int  # bytes
    checksum: Checksum


@dataclass(frozen=True, slots=True)
class RepoListing:
    """All files of a repository at one commit."""

    source: HubSource  # as it was asked for
    commit: str
    files: tuple[RemoteFile, ...]

    @property
    def index(self) -> RemoteFile | None:
        """The list of the files that the weights are split into, if there is one."""
        return next((file for file in self.files if file.path == WEIGHTS_INDEX), None)


def require_modest_listing(listing: RepoListing) -> None:
    """Refuse a repository by what it says of its files, before one is fetched.

    Raises:
        UnsafeFilesError: if a name could lead out of the folder, or a small file claims to be huge.
    """
    for file in listing.files:
        require_inside(file.path)
        if is_text_file(file.path) and _is_wanted(file.path) and file.size > MAX_TEXT_SIZE:
            raise UnsafeFilesError(
                f"'{file.path}' of '{listing.source.repo}' claims {file.size:,} bytes, where at"
                f" most {MAX_TEXT_SIZE:,} make sense",
                hint="do not use this repository",
            )


def select_files(listing: RepoListing, shards: frozenset[str] | None) -> tuple[RemoteFile, ...]:
    """Return the files to pull, small ones first, so that what is wrong shows early.

    Args:
        listing: of the repository.
        shards: files that the index names; None without an index.

    Raises:
        UnsafeFilesError: if there are no weights in safetensors, or not all that the index names,
            or one has a name that no file should have.
    """
    chosen = [file for file in listing.files if _is_needed(file.path, shards)]
    for file in chosen:
        require_safe_path(file.path)
    weights = {file.path for file in chosen if file.path.endswith(WEIGHTS_SUFFIX)}
    if missing := (shards or frozenset()) - weights:
        raise UnsafeFilesError(
            f"'{listing.source.repo}' lacks '{min(missing)}', which its index names",
            hint="tell the owners of the repository",
        )
    if not weights:
        raise UnsafeFilesError(
            _without_weights(listing),
            hint="a folder in which they are converted to safetensors is taken by --weights DIR",
        )
    same, times = Counter(file.path.casefold() for file in chosen).most_common(1)[0]
    if times > 1 or len(chosen) > _MAX_FILES:
        what = f"{len(chosen)} files" if times == 1 else f"several files named '{same}'"
        raise UnsafeFilesError(
            f"'{listing.source.repo}' has {what}", hint="do not use this repository"
        )
    return tuple(sorted(chosen, key=lambda file: (file.path in weights, file.path)))


def _is_wanted(path: str) -> bool:
    """Whether a file of such a name in such a place may be a part of a model."""
    place, folder = PurePosixPath(path), _folder_of(path)
    if folder not in _FOLDERS or place.name.startswith("."):
        return False
    if folder == "" and place.name in _LORA:
        return False
    return not any(place.match(pattern) for pattern in _OF_TRAINING)


def _folder_of(path: str) -> str:
    parent = PurePosixPath(path).parent
    return "" if parent == PurePosixPath() else str(parent)


def _is_needed(path: str, shards: frozenset[str] | None) -> bool:
    if not _is_wanted(path):
        return False
    place, folder = PurePosixPath(path), _folder_of(path)
    if place.suffix == WEIGHTS_SUFFIX and folder == "" and shards is not None:
        return path in shards
    return place.suffix == WEIGHTS_SUFFIX or is_text_file(path)


def _without_weights(listing: RepoListing) -> str:
    pickles = [f for f in listing.files if PurePosixPath(f.path).suffix in _CODE_OR_PICKLE]
    why = f", only '{pickles[0].path}', which could run code" if pickles else ""
    return f"'{listing.source.repo}' has no weights in safetensors{why}"
