"""Where the files of a model are on this machine, and what they say of it."""

from __future__ import annotations

import os
import re
from math import prod
from pathlib import Path
from typing import Any

from linvt_cli.errors import BackboneLoadError, UnsafeFilesError
from linvt_cli.models.kept import hub_cache_folder
from linvt_cli.models.safety import read_json, shards_of
from linvt_cli.models.source import HubSource
from linvt_cli.models.store import Store
from linvt_cli.types import QUANTIZED_COPY, WEIGHTS_INDEX

_PART = re.compile(r"-\d+-of-\d+\.safetensors$")  # which is nothing without the index
_TOKENIZERS = (
    ("tokenizer.json",),
    ("tokenizer.model",),
    ("vocab.json", "merges.txt"),
    ("vocab.txt",),
)


def find_snapshot(source: HubSource, *, in_use: bool = False) -> Path | None:
    """Return the folder of a repository: in the store, or in the cache of Hugging Face tools.

    Both name it by its commit. Opens no network connection.

    Args:
        source: the repository.
        in_use: whether the files are to be read now, which the store notes.
    """
    pulled = Store().find(source)
    if pulled is not None and not pulled.missing():
        if in_use:
            pulled.note_use()
        return pulled.folder
    return _in_hub_cache(source)


def find_cached(source: HubSource) -> Path | None:
    """Return the folder of a repository in the cache of Hugging Face tools, and nowhere else.

    Their library is loaded only if the cache has the repository, in whole or in part.
    """
    return _in_hub_cache(source) if is_folder(hub_cache_folder(source.repo)) else None


def require_folder(folder: Path, *, meant: str | None = None) -> Path:
    """Return a folder that the user named.

    Args:
        folder: which one.
        meant: the name of the model that the user may mean where there is no such folder.

    Raises:
        BackboneLoadError: if it is no folder.
    """
    if not is_folder(folder):
        way = "name the folder with the model's config.json"
        raise BackboneLoadError(
            f"'{folder}' is no folder",
            hint=way if meant is None else f"did you mean {meant}? Else {way}",
        )
    return folder


def is_folder(path: Path) -> bool:
    """Whether a path is that of a folder; none where one may not look."""
    return os.path.isdir(path)  # noqa: PTH112 - which is no error here


def read_config(folder: Path) -> dict[str, Any]:
    """Return what the ``config.json`` of a folder says.

    Raises:
        BackboneLoadError: if there is none.
        UnsafeFilesError: if it is no strict JSON of a sensible size.
    """
    path = folder / "config.json"
    try:
        config = read_json(path, name=str(path))
    except OSError as error:
        raise BackboneLoadError(
            f"'{folder}' has no readable config.json",
            hint="name the folder with the model's config.json",
        ) from error
    if not isinstance(config, dict):
        raise UnsafeFilesError(
            f"'{path}' holds no object",
            hint="the folder must hold a complete copy of the model's repository",
        )
    return config


def count_parameters(folder: Path) -> int:
    """Return how many weights the safetensors files of a folder have, reading none of them.

    A quantized copy says how many its original has.

    Raises:
        BackboneLoadError: if a file cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    if (folder / QUANTIZED_COPY).is_file():
        about = read_json(folder / QUANTIZED_COPY, name=QUANTIZED_COPY)
        try:
            return _plausible(about["parameters"], folder)
        except (KeyError, TypeError, ValueError) as error:
            raise BackboneLoadError(
                f"'{folder / QUANTIZED_COPY}' does not describe a quantized copy",
                hint="make it again",
            ) from error
    total = 0
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="np") as file:
                total += sum(prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise BackboneLoadError(f"'{path}' is damaged", hint="fetch it again") from error
    return total


def _plausible(parameters: Any, folder: Path) -> int:
    """Return a number of parameters that the files of a copy can hold: at most two a byte."""
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    if type(parameters) is not int or parameters < 1 or (size and parameters > 4 * size):
        raise ValueError(parameters)
    return parameters


def _in_hub_cache(source: HubSource) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import IncompleteSnapshotError, LocalEntryNotFoundError

    try:
        found = snapshot_download(source.repo, revision=source.revision, local_files_only=True)
    except IncompleteSnapshotError as error:
        found = error.snapshot_path  # README and other files that no model needs may be missing
    except (LocalEntryNotFoundError, OSError, ValueError):
        return None
    folder = Path(found)
    return folder if _is_whole(folder) else None


def _is_whole(folder: Path) -> bool:
    """Whether a folder has all that a model needs: other tools may have fetched a part of it."""
    try:
        return _has_weights(folder) and (_has_tokenizer(folder) or not _is_image_llm(folder))
    except (BackboneLoadError, UnsafeFilesError):
        return True  # loading says what is wrong with them


def _has_weights(folder: Path) -> bool:
    """Whether a folder has a config and weights.

    Raises:
        UnsafeFilesError: if the index of the weights cannot be used.
    """
    if not (folder / "config.json").is_file():
        return False
    index = folder / WEIGHTS_INDEX
    if not index.is_file():
        names = [path.name for path in folder.glob("*.safetensors")]
        return bool(names) and not any(_PART.search(name) for name in names)
    shards = shards_of(read_json(index, name=index.name), name=index.name)
    return all((folder / shard).is_file() for shard in shards)


def _is_image_llm(folder: Path) -> bool:
    """Whether the config of a folder is that of an image-LLM: a LinVT needs no tokenizer."""
    return "model_type" in read_config(folder)


def _has_tokenizer(folder: Path) -> bool:
    return any(all((folder / name).is_file() for name in names) for names in _TOKENIZERS)
