"""``linvt_copy.json``, beside a quantized copy: what it is, and what need not be tried again.

The file may come from anywhere, as part of a repository; whatever is read of it is checked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib.metadata import version
from math import prod
from pathlib import Path
from typing import Any, NoReturn

import torch

from linvt_cli.backbones.snapshot import read_object, weight_shapes
from linvt_cli.config import Quantization
from linvt_cli.errors import BackboneLoadError
from linvt_cli.types import QUANTIZED_COPY

REMAKE_HINT = (
    "remove the copy (from the store: linvt models remove --quantized NAME), then quantize the"
    " model again: linvt quantize NAME"
)
"""What to do about a copy that cannot be used: while it is there, it is taken for whole."""
Shapes = Mapping[str, tuple[int, ...]]

_FORMAT_VERSION = 1
_MAX_AXES = 8
_MAX_NUMBERS = 1 << 42  # of one weight; the largest models have fewer in all
_VERSION = re.compile(r"[0-9a-f]{16,64}")
_RUN_BY = ("torch", "transformers", "bitsandbytes")


def is_copy(folder: Path) -> bool:
    """Whether a folder holds a quantized copy."""
    return (folder / QUANTIZED_COPY).is_file()


def write_description(
    folder: Path,
    shapes: Shapes,
    quantization: Quantization,
    *,
    version_of_original: str,
    dtype: torch.dtype,
    device: torch.device,
) -> None:
    """Describe a copy whose weights are written, and whose vision encoder passed its test.

    Args:
        folder: the copy.
        shapes: of the weights of the original.
        quantization: int8 or nf4.
        version_of_original: what tells its weights from others.
        dtype: in which the vision encoder was tested.
        device: where.

    Raises:
        OSError: if it cannot be written.
    """
    about = {
        "format_version": _FORMAT_VERSION,
        "quantization": quantization,
        "original": version_of_original,
        "bitsandbytes": version("bitsandbytes"),
        "parameters": sum(map(prod, shapes.values())),
        "shapes": {name: list(shape) for name, shape in shapes.items()},
        "vision_encoder_tested": {
            **_circumstances(device),
            "dtype": _name(dtype),
            "files": _files(folder),
        },
    }
    text = json.dumps(about, indent=1, ensure_ascii=False)
    (folder / QUANTIZED_COPY).write_text(f"{text}\n", encoding="utf-8")


def version_of_original(folder: Path) -> str | None:
    """Return which weights a copy was made from; None where it does not say, or is none.

    Raises:
        BackboneLoadError: if the description is no JSON.
    """
    told = read_object(folder, QUANTIZED_COPY).get("original") if is_copy(folder) else None
    return told if isinstance(told, str) and _VERSION.fullmatch(told) else None


def published_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a checkpoint's weights as they were published, of a copy as well.

    Raises:
        BackboneLoadError: if a file cannot be read, or the description of a copy makes no sense.
    """
    if not is_copy(folder):
        return weight_shapes(folder)
    about = read_object(folder, QUANTIZED_COPY)
    shapes = about.get("shapes")
    if about.get("format_version") != _FORMAT_VERSION:
        _refuse(folder, f"has format {about.get('format_version')!r}, expected {_FORMAT_VERSION}")
    if not isinstance(shapes, dict) or not shapes:
        _refuse(folder, "names no shapes of weights")
    for name, shape in shapes.items():
        if not _is_shape(shape):
            _refuse(folder, f"gives '{name[:80]}' a shape that makes no sense")
    if about.get("parameters") != sum(map(prod, shapes.values())):
        _refuse(folder, "has shapes that do not add up to its number of parameters")
    return {name: tuple(shape) for name, shape in shapes.items()}


def passed_before(folder: Path, *, dtype: torch.dtype, device: torch.device) -> bool:
    """Whether these very files passed the test of the vision encoder when they were written.

    They are known by their sizes and times: a copy that was fetched, or changed since, is tested
    again, and so is one under other versions of what runs it, on another kind of device or in a
    number format that may overflow where the tested one did not.

    Raises:
        BackboneLoadError: if the description is no JSON.
    """
    if not is_copy(folder):
        return False
    tested = read_object(folder, QUANTIZED_COPY).get("vision_encoder_tested")
    if not isinstance(tested, dict):
        return False
    known = {**_circumstances(device), "files": _files(folder)}
    holds_as_much = dtype == torch.float32 or tested.get("dtype") == _name(dtype)
    return holds_as_much and all(tested.get(key) == value for key, value in known.items())


def _circumstances(device: torch.device) -> dict[str, str]:
    return {"device": device.type, **{name: version(name) for name in _RUN_BY}}


def _files(folder: Path) -> dict[str, list[int]]:
    """Return size and time of change, in nanoseconds, of each file of weights."""
    facts = {path.name: path.stat() for path in sorted(folder.glob("*.safetensors"))}
    return {name: [fact.st_size, fact.st_mtime_ns] for name, fact in facts.items()}


def _is_shape(shape: Any) -> bool:
    return (
        isinstance(shape, list)
        and len(shape) <= _MAX_AXES
        and all(type(size) is int and size >= 0 for size in shape)
        and prod(shape) <= _MAX_NUMBERS
    )


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _refuse(folder: Path, reason: str) -> NoReturn:
    raise BackboneLoadError(
        f"'{folder / QUANTIZED_COPY}' {reason}",
        hint=f"{REMAKE_HINT}, or use the files as first published",
    )
