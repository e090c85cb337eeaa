"""Decides in which precision a backbone is loaded, before anything is loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from linvt_cli.backbones.loading import free_memory, select_dtype
from linvt_cli.backbones.prequantized import stored_quantization
from linvt_cli.backbones.spec import BackboneSpec
from linvt_cli.config import Quantization, Workload
from linvt_cli.errors import ConfigError, OutOfMemoryError
from linvt_cli.pipeline.memory import MemoryNeed, memory_need

LIGHTER_HINT = "use --quant nf4 or a smaller --model (linvt models list), or another --device"
_GIB = 2**30
ROOM = 1.15  # of the need: so exact is the model of it
ORDER: tuple[Quantization, ...] = ("none", "int8", "nf4")
"""The most bits first."""

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose_dtype(choice: str, device: torch.device, spec: BackboneSpec) -> torch.dtype:
    """Return the compute dtype that a choice stands for.

    Args:
        choice: ``auto``, ``float32``, ``bfloat16`` or ``float16``.
        device: where the backbone runs.
        spec: its row.

    Raises:
        ConfigError: if the choice is none of these words.
    """
    if choice == "auto":
        return select_dtype(device, half_precision=spec.half_precision)
    if choice not in _DTYPES:
        raise ConfigError(
            f"Unknown dtype '{choice}'. Expected auto, {', '.join(_DTYPES)}",
            field="dtype",
            hint="leave out --dtype for what suits the device",
        )
    return _DTYPES[choice]


def choose_quantization(
    choice: str,
    device: torch.device,
    dtype: torch.dtype,
    spec: BackboneSpec,
    work: Workload | None = None,
    *,
    notify: Callable[[str], None] = lambda _: None,
) -> Quantization:
    """Return the quantization that a choice stands for.

    ``auto`` is the least quantization with which model and work fit into the device's free memory.
    Weights that cannot fit are refused before hours of loading.

    Args:
        choice: ``auto``, ``none``, ``int8`` or ``nf4``.
        device: where the backbone runs.
        dtype: in which it computes.
        spec: its row.
        work: what it is to do; as it likes it where left out.
        notify: told, in a line, of fewer bits than the files have, and why.

    Raises:
        ConfigError: if the choice is none of these words, or the backbone is never quantized.
        OutOfMemoryError: if the weights do not fit.
    """
    if choice not in ("auto", *ORDER):
        raise ConfigError(
            f"Unknown quantization '{choice}'. Expected auto, {', '.join(ORDER)}",
            field="quant",
            hint="leave out --quant for the most bits that fit",
        )
    if spec.memory is None:
        if choice not in ("auto", "none"):
            raise ConfigError(
                f"'{spec.name}' is too small to be quantized",
                field="quant",
                hint="use --quant none",
            )
        return "none"
    free_bytes = free_memory(device)
    free = free_bytes / _GIB
    work = work or Workload()
    all_needs = {name: needed(spec, name, dtype, work, device) for name in ORDER}
    needs = {name: need.weights / _GIB for name, need in all_needs.items()}
    fitting = [name for name in ORDER if has_room(all_needs[name], free_bytes)]
    chosen = next((name for name in ORDER if name == choice), (*fitting, ORDER[-1])[0])
    if needs[chosen] > free:
        raise OutOfMemoryError(
            f"'{spec.name}' needs {needs[chosen]:.1f} GiB for its weights ({chosen}), and device"
            f" '{device}' has {free:.1f} GiB free",
            hint=_what_fits(needs, free),
        )
    if choice == "auto" and chosen != "none":
        notify(
            f"{spec.name} in {chosen}, for {free:.1f} GiB of free memory:"
            f" {all_needs[chosen].gib:.1f} GiB with {work.frames or spec.default_frames} frames;"
            f" unquantized {all_needs['none'].gib:.1f} GiB"
        )
    return chosen


def needed(
    spec: BackboneSpec,
    quantization: Quantization,
    dtype: torch.dtype,
    work: Workload,
    device: torch.device,
) -> MemoryNeed:
    """Return what a model takes on a device for what it is to do."""
    return memory_need(spec, quantization, dtype, work, device=device.type)


def has_room(need: MemoryNeed, free: int) -> bool:
    """Whether a need fits into so many free bytes, however wrong the model of it may be."""
    return need.total * ROOM <= free


def respect_stored(choice: str, chosen: Quantization, folder: Path) -> Quantization:
    """Return the quantization of weights that may be quantized in their files already.

    Args:
        choice: what the user asked for.
        chosen: what that stands for.
        folder: the backbone's files.

    Raises:
        BackboneLoadError: if the files are quantized in a way that cannot be read.
        ConfigError: if the user asked for another quantization than the files have.
    """
    stored = stored_quantization(folder)
    if stored == "none":
        return chosen
    if choice not in ("auto", stored):
        raise ConfigError(
            f"The weights in '{folder}' are quantized already ({stored}),"
            f" and cannot be had as '{choice}'",
            field="quant",
            hint="leave out --quant, or use the files as first published",
        )
    return stored


def _what_fits(needs: dict[Quantization, float], free: float) -> str:
    fitting = [name for name in ORDER if needs[name] <= free]
    if fitting:
        return f"use --quant {fitting[0]}, which needs {needs[fitting[0]]:.1f} GiB"
    return "use a smaller --model (linvt models list), or another --device"
