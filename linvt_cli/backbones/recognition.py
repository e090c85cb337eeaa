"""Which backbone the files of a model that no row names belong to. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from linvt_cli.backbones.catalogue import BACKBONES
from linvt_cli.backbones.shapes import ModelShapes
from linvt_cli.backbones.spec import BackboneSpec, WeightsMemory
from linvt_cli.errors import BackboneLoadError

_FAMILIES = {
    "qwen2_vl": "Qwen2-VL",
    "qwen2_5_vl": "Qwen2.5-VL",
    "internvl_chat": "InternVL2",
    "internvl": "InternVL3",
    "qwen2": "Aquila-VL",
    "llava_qwen": "Aquila-VL",
    "llava_onevision": "LLaVA-OneVision",
    "mipha_phi": "Mipha",
    "mipha-phi": "Mipha",
    "xgenmm": "BLIP-3",
    "molmo": "Molmo",
    "smolvlm": "SmolVLM2",
}
"""The ``model_type`` of a ``config.json`` and the family whose adapter reads it."""


def recognize(name: str, config: Mapping[str, Any], *, parameters: int) -> BackboneSpec:
    """Return a row for a model that users bring: that of its family's nearest size, changed.

    Args:
        name: as users wrote it.
        config: its ``config.json``.
        parameters: how many it has.

    Raises:
        BackboneLoadError: if no adapter reads such a model.
    """
    family = _FAMILIES.get(str(config.get("model_type")))
    if family is None:
        raise BackboneLoadError(
            f"'{name}' holds a model of type '{config.get('model_type')}'{_reason(config)}."
            f" Expected {', '.join(sorted(_FAMILIES))}",
            hint="linvt models list shows the families that can answer",
        )
    rows = [spec for spec in BACKBONES if spec.family == family]
    nearest = min(rows, key=lambda spec: abs(spec.parameters - parameters))
    return replace(
        nearest,
        name=name,
        parameters=parameters,
        license="unknown",
        summary=f"A {family} of your own",
        memory=_scaled(nearest.memory, parameters / nearest.parameters),
        shapes=_deepened(nearest.shapes, parameters / nearest.parameters),
        repo=None,
        revision=None,
    )


def _reason(config: Mapping[str, Any]) -> str:
    if "auto_map" in config:
        return ", which needs code of its own (auto_map), and linvt never runs downloaded code"
    return ""


def _scaled(memory: WeightsMemory | None, ratio: float) -> WeightsMemory | None:
    if memory is None:
        return None
    return WeightsMemory(memory.none * ratio, memory.int8 * ratio, memory.nf4 * ratio)


def _deepened(shapes: ModelShapes | None, ratio: float) -> ModelShapes | None:
    """Return the shapes of a model that has its other parameters in more or fewer layers."""
    if shapes is None:
        return None
    return replace(shapes, layers=max(1, round(shapes.layers * ratio)))
