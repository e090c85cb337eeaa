"""Backbones by name: look-up, suggestions, and loading on first use. Imports no torch."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING

from linvt_cli.backbones.catalogue import BACKBONES
from linvt_cli.backbones.spec import BackboneSpec
from linvt_cli.errors import ConfigError, UnknownBackboneError

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from linvt_cli.backbones.base import Backbone
    from linvt_cli.config import Quantization

__all__ = ["BACKBONES", "BackboneSpec", "find_backbone", "load_backbone"]


def find_backbone(name: str) -> BackboneSpec:
    """Return the row of a backbone.

    Raises:
        UnknownBackboneError: if no row has this name; the hint names the closest ones.
    """
    rows = {spec.name: spec for spec in BACKBONES}
    if name in rows:
        return rows[name]
    close = get_close_matches(name.lower(), rows, n=3, cutoff=0.4)
    raise UnknownBackboneError(
        f"Unknown backbone '{name}'. Available: {', '.join(rows)}",
        name=name,
        known=tuple(rows),
        hint=f"did you mean {' or '.join(close)}?" if close else "linvt models list",
    )


def load_backbone(
    spec: BackboneSpec,
    *,
    folder: Path,
    device: torch.device,
    dtype: torch.dtype,
    quantization: Quantization = "none",
) -> Backbone:
    """Import the adapter that a row names and load the backbone with it.

    Args:
        spec: the row.
        folder: the backbone's files.
        device: where it goes.
        dtype: of its weights.
        quantization: of its language model.

    Raises:
        BackboneLoadError: if its files are missing, incomplete or of another architecture.
        ConfigError: if it cannot be quantized.
    """
    if quantization != "none" and spec.memory is None:
        raise ConfigError(
            f"'{spec.name}' cannot be quantized",
            field="quant",
            hint="leave out --quant, or use --quant none",
        )
    module_name, _, class_name = spec.adapter.partition(":")
    adapter = getattr(import_module(module_name), class_name)
    backbone: Backbone = adapter.load(
        spec, folder=folder, device=device, dtype=dtype, quantization=quantization
    )
    return backbone
