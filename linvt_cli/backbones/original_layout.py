"""Loads public checkpoint files as they are published, and refuses what does not fit exactly.

No code of a checkpoint is ever run: configurations are read as JSON, weights as safetensors, and
where names or shapes differ from the class that runs here, transformers renames them while loading.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.conversion_mapping import register_checkpoint_conversion_mapping
from transformers.utils import logging

from linvt_cli.backbones.quantization import quantization_settings
from linvt_cli.config import Quantization
from linvt_cli.errors import BackboneLoadError

Model = TypeVar("Model", bound=PreTrainedModel)

_SHOWN = 3  # names in a message
_COMPLETE_HINT = "the folder must hold a complete copy of the model's repository"


def register_layout(model_class: type[PreTrainedModel], mapping: list[Any]) -> None:
    """Tell transformers how a class's public checkpoints name its weights.

    Args:
        model_class: a class of our own, so that the stock class keeps its own mapping.
        mapping: ``WeightRenaming`` and ``WeightConverter`` of transformers; all renamings come
            first, and converters match names that are already renamed.
    """
    register_checkpoint_conversion_mapping(model_class.__name__, mapping, overwrite=True)


def read_config(folder: Path) -> dict[str, Any]:
    """Return a checkpoint's ``config.json`` as it stands.

    Raises:
        BackboneLoadError: if it is missing or no JSON.
    """
    try:
        raw = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BackboneLoadError(
            f"'{folder}' has no readable config.json", hint=_COMPLETE_HINT
        ) from error
    if not isinstance(raw, dict):
        raise BackboneLoadError(f"The config.json in '{folder}' is no object", hint=_COMPLETE_HINT)
    return raw


def weight_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all weights in a checkpoint's files, reading none of them.

    Raises:
        BackboneLoadError: if a file cannot be read.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    try:
        for path in sorted(folder.glob("*.safetensors")):
            with safe_open(path, framework="pt") as file:
                shapes |= {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise BackboneLoadError(
            f"'{folder}' has a damaged file of weights", hint=_COMPLETE_HINT
        ) from error
    return shapes


def load_model(
    model_class: type[Model],
    folder: Path,
    config: PreTrainedConfig,
    *,
    device: torch.device,
    dtype: torch.dtype,
    quantization: Quantization,
    full_precision: tuple[str, ...],
) -> Model:
    """Load all weights of a checkpoint, each in its place.

    Args:
        model_class: what to build.
        folder: the checkpoint's files.
        config: of the class, made from the checkpoint's own.
        device: where the model goes.
        dtype: of all weights that are not quantized.
        quantization: of the language model's linear layers.
        full_precision: full names of the modules that are never quantized; the head is among them.

    Raises:
        BackboneLoadError: if a weight is missing, is one too many or has another shape.
    """
    try:
        with _quietly():
            loaded: Any = model_class.from_pretrained(
                folder,
                config=config,
                dtype=dtype,
                device_map={"": device},
                quantization_config=quantization_settings(quantization, dtype, full_precision),
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except (OSError, ValueError, KeyError, SafetensorError, RuntimeError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise BackboneLoadError(
            f"The weights in '{folder}' cannot be loaded: {_first_line(error)}",
            hint=_COMPLETE_HINT,
        ) from error
    model: Model
    model, info = loaded
    _require_exact(folder, info)
    model.train(False)
    return model


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep transformers from drawing bars and giving advice: what matters becomes an error."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _require_exact(folder: Path, info: dict[str, Any]) -> None:
    for key, what in (
        ("missing_keys", "lack"),
        ("unexpected_keys", "have unknown"),
        ("mismatched_keys", "have other shapes of"),
    ):
        names = sorted(str(name[0] if isinstance(name, tuple) else name) for name in info[key])
        if names:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            raise BackboneLoadError(
                f"The weights in '{folder}' {what} {', '.join(names[:_SHOWN])}{more}",
                hint="these files belong to another model or to another version of it",
            )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
