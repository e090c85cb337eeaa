"""The one table of backbones: look-up by name, suggestions, and loading on first use.

Imports no torch, so the command line lists backbones at once. To add a backbone: one row here and
the adapter file that the row names.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from linvt_cli.errors import UnknownBackboneError

if TYPE_CHECKING:
    import torch

    from linvt_cli.backbones.base import Backbone

_ASSETS = Path(__file__).resolve().parent.parent / "assets"


@dataclass(frozen=True, slots=True)
class BackboneSpec:
    """One row: what is known of a backbone before any of it is loaded."""

    name: str
    adapter: str  # "module:Class"; the class has load(spec, *, device, dtype)
    parameters: int
    license: str  # SPDX name
    summary: str
    default_video_tokens: int  # K of the tokenizers that need no training
    default_frames: int = 16
    describe_question: str = "Describe this video."
    half_precision: bool = True  # on a CUDA device; where not, float32 everywhere
    weights: Path | None = None  # folder inside the package; None where a snapshot is pulled
    linvt: Path | None = None  # folder of the LinVT checkpoint that comes with it
    revision: str | None = None  # commit of the snapshot, never a branch


BACKBONES = (
    BackboneSpec(
        name="nano",
        adapter="linvt_cli.backbones.nano:Nano",
        parameters=5_100_000,
        license="Apache-2.0",
        summary="Shipped inside linvt: knows a small drawn world, runs on any CPU",
        default_video_tokens=64,
        describe_question="What happens?",
        half_precision=False,
        weights=_ASSETS / "nano",
        linvt=_ASSETS / "nano" / "linvt",
    ),
)


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


def load_backbone(spec: BackboneSpec, *, device: torch.device, dtype: torch.dtype) -> Backbone:
    """Import the adapter that a row names and load the backbone with it.

    Raises:
        BackboneLoadError: if its files are missing, incomplete or of another architecture.
    """
    module_name, _, class_name = spec.adapter.partition(":")
    adapter = getattr(import_module(module_name), class_name)
    backbone: Backbone = adapter.load(spec, device=device, dtype=dtype)
    return backbone
