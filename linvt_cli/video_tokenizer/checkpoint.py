"""LinVT checkpoints: a folder with ``config.json`` and ``model.safetensors``.

Nothing is unpickled, nothing is executed. What a checkpoint says of itself is checked against the
backbone before a weight is read.
"""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from linvt_cli.config import LinVTConfig
from linvt_cli.errors import (
    CheckpointCorruptError,
    CheckpointError,
    CheckpointMismatchError,
    ConfigError,
)
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer

FORMAT_VERSION = 1
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
_FETCH_HINT = "Fetch or save the checkpoint again"
_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class CheckpointInfo:
    """What a checkpoint says of itself."""

    config: LinVTConfig
    backbone: str  # name of the backbone it was trained with
    backbone_repo: str | None = None  # on the hub
    backbone_revision: str | None = None
    training: dict[str, Any] = field(default_factory=dict)  # summary of the run; plain JSON


def save_checkpoint(
    directory: Path,
    module: LinearVideoTokenizer,
    config: LinVTConfig,
    *,
    backbone: str,
    backbone_repo: str | None = None,
    backbone_revision: str | None = None,
    training: dict[str, Any],
) -> None:
    """Write a checkpoint; a file is replaced whole or not at all.

    Weights keep their dtype, so ``module.half()`` before saving halves the file.
    """
    info = CheckpointInfo(
        config,
        backbone,
        backbone_repo=backbone_repo,
        backbone_revision=backbone_revision,
        training=training,
    )
    told = _told(info)  # before a file is replaced: what is no JSON is an error of the caller
    directory.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.contiguous() for name, tensor in module.state_dict().items()}
    _replace_file(directory / WEIGHTS_FILE, lambda path: save_file(tensors, path))
    # Last, so that a new folder without it is seen to be incomplete.
    _write_config(directory, told)


def write_checkpoint_info(directory: Path, info: CheckpointInfo) -> None:
    """Write what a checkpoint says of itself; the file is replaced whole or not at all."""
    _write_config(directory, _told(info))


def _told(info: CheckpointInfo) -> str:
    about = {
        "format_version": FORMAT_VERSION,
        "backbone": info.backbone,
        "backbone_repo": info.backbone_repo,
        "backbone_revision": info.backbone_revision,
        "linvt": dataclasses.asdict(info.config),
        "training": info.training,
    }
    return json.dumps(about, indent=2, ensure_ascii=False) + "\n"


def _write_config(directory: Path, text: str) -> None:
    _replace_file(directory / CONFIG_FILE, lambda path: path.write_text(text, encoding="utf-8"))


def read_checkpoint_info(directory: Path) -> CheckpointInfo:
    """Read what a checkpoint says of itself; no weight is read.

    Raises:
        CheckpointError: There is no folder, or its format is of another version of linvt.
        CheckpointCorruptError: ``config.json`` is missing or does not make sense.
    """
    about = _read_json(directory)
    version = about.get("format_version")
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"Checkpoint '{directory}' has format {version!r}, expected {FORMAT_VERSION}",
            hint="update linvt, or fetch a checkpoint made for this version",
        )
    try:
        shape: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in about["linvt"].items()
        }
        return CheckpointInfo(
            config=LinVTConfig(**shape),
            backbone=str(about["backbone"]),
            backbone_repo=about.get("backbone_repo"),
            backbone_revision=about.get("backbone_revision"),
            training=about.get("training") or {},
        )
    except (KeyError, TypeError, AttributeError, ConfigError) as error:
        raise CheckpointCorruptError(
            f"'{directory / CONFIG_FILE}' does not describe a LinVT: {error}", hint=_FETCH_HINT
        ) from error


def load_checkpoint(
    directory: Path,
    *,
    backbone_name: str,
    embed_dim: int,
    device: torch.device,
    dtype: torch.dtype,
    backbone_revision: str | None = None,
) -> LinearVideoTokenizer:
    """Build the tokenizer of a checkpoint, ready for inference.

    Args:
        directory: Folder of the checkpoint.
        backbone_name: The backbone it is to work with.
        embed_dim: D of that backbone.
        device: Where the weights go.
        dtype: What the weights are turned into, whatever they are stored in; coordinates are
            turned into float32.
        backbone_revision: Of that backbone's weights: the same ones may have another name.

    Raises:
        CheckpointError: There is no folder, or its format is of another version of linvt.
        CheckpointMismatchError: It was trained with another backbone or width.
        CheckpointCorruptError: A file is missing or damaged, or the tensors do not fit.
    """
    info = read_checkpoint_info(directory)
    is_same = backbone_revision is not None and info.backbone_revision == backbone_revision
    named = info.backbone if is_same else backbone_name
    _require_backbone(directory, info, backbone_name=named, embed_dim=embed_dim)
    path = directory / WEIGHTS_FILE
    tensors = _read_tensors(path)
    # On no device: the weights come from the file, and random ones would cost time.
    with torch.device("meta"):
        module = LinearVideoTokenizer(info.config)
    _require_tensors(path, tensors, module)
    coordinates = module.coordinates
    cast = {
        name: tensor.to(device=device, dtype=torch.float32 if name in coordinates else dtype)
        for name, tensor in tensors.items()
    }
    module.load_state_dict(cast, assign=True)
    return module.eval().requires_grad_(False)


def _require_backbone(
    directory: Path, info: CheckpointInfo, *, backbone_name: str, embed_dim: int
) -> None:
    if info.backbone != backbone_name:
        raise CheckpointMismatchError(
            f"Checkpoint '{directory}' was trained with backbone '{info.backbone}',"
            f" not '{backbone_name}'",
            expected=backbone_name,
            found=info.backbone,
            hint=f"use --model {info.backbone}, or another checkpoint",
        )
    if info.config.embed_dim != embed_dim:
        raise CheckpointMismatchError(
            f"Checkpoint '{directory}' is for tokens of width {info.config.embed_dim}, but"
            f" '{backbone_name}' has {embed_dim}",
            expected=embed_dim,
            found=info.config.embed_dim,
            hint="use a checkpoint trained with this very backbone",
        )


def _require_tensors(
    path: Path, tensors: dict[str, torch.Tensor], module: LinearVideoTokenizer
) -> None:
    wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    faults = {
        "lacks": sorted(wanted.keys() - found.keys()),
        "has unknown": sorted(found.keys() - wanted.keys()),
        "has wrongly shaped": [
            f"{name} {found[name]} for {wanted[name]}"
            for name in sorted(wanted.keys() & found.keys())
            if wanted[name] != found[name]
        ],
        "has whole numbers in": sorted(
            name for name, tensor in tensors.items() if not tensor.is_floating_point()
        ),
    }
    listed = [f"{fault} {_listing(names)}" for fault, names in faults.items() if names]
    if listed:
        raise CheckpointCorruptError(f"'{path}' {'; '.join(listed)}", hint=_FETCH_HINT)


def _listing(names: list[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more


def _read_json(directory: Path) -> dict[str, Any]:
    if not os.path.isdir(directory):  # noqa: PTH112 - no error where one may not look
        raise CheckpointError(
            f"There is no checkpoint folder '{directory}'",
            hint="name a folder that linvt train has written, or hub:owner/name",
        )
    path = directory / CONFIG_FILE
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointCorruptError(f"There is no '{path}'", hint=_FETCH_HINT) from error
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointCorruptError(
            f"'{path}' cannot be read as JSON: {error}", hint=_FETCH_HINT
        ) from error
    if not isinstance(about, dict):
        raise CheckpointCorruptError(f"'{path}' does not hold a JSON object", hint=_FETCH_HINT)
    return about


def _read_tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except FileNotFoundError as error:
        raise CheckpointCorruptError(f"There is no '{path}'", hint=_FETCH_HINT) from error
    except (OSError, SafetensorError) as error:
        raise CheckpointCorruptError(
            f"'{path}' cannot be read as safetensors: {error}", hint=_FETCH_HINT
        ) from error


def _replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside ``path`` and rename, so that readers see the old file or the new one."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".saving-") as folder:
        unfinished = Path(folder) / path.name
        write(unfinished)
        unfinished.replace(path)
