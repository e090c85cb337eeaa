"""Looks at the files of a public checkpoint before anything is loaded, and says what is wrong.

Configurations are read as JSON and weights as safetensors; nothing in a snapshot is ever run.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NoReturn

from safetensors import SafetensorError, safe_open

from linvt_cli.errors import BackboneLoadError
from linvt_cli.types import WEIGHTS_INDEX

COMPLETE_HINT = "the folder must hold a complete copy of the model's repository"
_POINTER = b"version https://git-lfs"
_SHOWN = 3  # names in a message


def read_config(folder: Path) -> dict[str, Any]:
    """Return a checkpoint's ``config.json`` as it stands.

    Raises:
        BackboneLoadError: if it is missing or no JSON.
    """
    return read_object(folder, "config.json")


def require_type(folder: Path, raw: dict[str, Any], known: Collection[str]) -> str:
    """Return the type of model that a configuration describes.

    Args:
        folder: named in messages.
        raw: the configuration.
        known: types that can be loaded.

    Raises:
        BackboneLoadError: if the type is none of them.
    """
    found = raw.get("model_type")
    if found in known:
        return str(found)
    expected = f"'{folder}' holds a model of type '{found}'. Expected {' or '.join(known)}"
    if raw.get("auto_map"):
        raise BackboneLoadError(
            f"{expected}; this one runs by code of its own, and linvt runs no code of a checkpoint",
            hint="linvt models list names the models that need none",
        )
    raise BackboneLoadError(
        expected, hint="name the model that these files belong to: linvt models list"
    )


def require_weights(folder: Path) -> None:
    """Check that the files of weights are all there, reading none of them.

    Raises:
        BackboneLoadError: if files are missing, or are pointers to files that were never fetched.
    """
    if (folder / WEIGHTS_INDEX).exists():
        shards = read_object(folder, WEIGHTS_INDEX).get("weight_map")
        if not isinstance(shards, dict):
            raise BackboneLoadError(
                f"'{folder}' has no readable {WEIGHTS_INDEX}", hint=COMPLETE_HINT
            )
        names = sorted({str(name) for name in shards.values()})
        elsewhere = [name for name in names if Path(name).name != name]
        if elsewhere:
            raise BackboneLoadError(
                f"The {WEIGHTS_INDEX} in '{folder}' names files elsewhere: {shortened(elsewhere)}",
                hint="do not use these files",
            )
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise BackboneLoadError(
                f"'{folder}' lacks {len(missing)} of {len(names)} files of weights:"
                f" {shortened(missing)}",
                hint=COMPLETE_HINT,
            )
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        pickled = next(folder.glob("pytorch_model*.bin"), None)
        because = "" if pickled is None else f", and {pickled.name} is never read: it can run code"
        raise BackboneLoadError(
            f"'{folder}' has no .safetensors weights{because}", hint=COMPLETE_HINT
        )
    pointers = [path.name for path in files if _is_pointer(path)]
    if pointers:
        raise BackboneLoadError(
            f"'{folder}' has pointers of Git LFS in place of weights: {shortened(pointers)}",
            hint="fetch the files themselves with: git lfs pull",
        )


def weight_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all weights in a checkpoint's files, reading none of them.

    Raises:
        BackboneLoadError: if a file cannot be read.
    """
    return {name: tuple(weight.get_shape()) for name, weight in _weights(folder)}


def weight_dtypes(folder: Path) -> dict[str, str]:
    """Return the number formats of all weights in a checkpoint's files: "BF16", "F32", …

    Raises:
        BackboneLoadError: if a file cannot be read.
    """
    return {name: str(weight.get_dtype()) for name, weight in _weights(folder)}


def shortened(names: Collection[str]) -> str:
    """Return a few of many names for a message."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(sorted(names)[:_SHOWN]) + more


def _weights(folder: Path) -> Iterator[tuple[str, Any]]:
    """Yield all weights by name, unread."""
    try:
        for path in sorted(folder.glob("*.safetensors")):
            with safe_open(path, framework="pt") as file:
                yield from ((name, file.get_slice(name)) for name in file.keys())  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise BackboneLoadError(
            f"'{folder}' has a damaged file of weights", hint=COMPLETE_HINT
        ) from error


def read_object(folder: Path, name: str) -> dict[str, Any]:
    """Return the object that a JSON file of a checkpoint holds.

    Raises:
        BackboneLoadError: if it is missing or no such file.
    """
    try:
        text = (folder / name).read_text(encoding="utf-8")
        raw = json.loads(text, parse_constant=lambda word: _refuse_constant(folder, name, word))
    except (OSError, ValueError, RecursionError) as error:
        raise BackboneLoadError(f"'{folder}' has no readable {name}", hint=COMPLETE_HINT) from error
    if not isinstance(raw, dict):
        raise BackboneLoadError(f"The {name} in '{folder}' is no object", hint=COMPLETE_HINT)
    return raw


def _refuse_constant(folder: Path, name: str, word: str) -> NoReturn:
    raise BackboneLoadError(
        f"The {name} in '{folder}' has the value {word}", hint="do not use these files"
    )


def _is_pointer(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_POINTER)) == _POINTER
