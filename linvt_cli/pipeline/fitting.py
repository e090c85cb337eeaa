"""Chooses the best model on this machine that fits into free memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from linvt_cli.backbones.loading import free_memory
from linvt_cli.backbones.registry import BACKBONES, BackboneSpec
from linvt_cli.config import Quantization
from linvt_cli.models.copies import find_copy_of
from linvt_cli.models.files import find_snapshot
from linvt_cli.models.source import DEFAULT_REVISION, HubSource
from linvt_cli.models.store import QUANTIZED, Store
from linvt_cli.pipeline.precision import ORDER, choose_dtype, fits

_GIB = 2**30


@dataclass(frozen=True, slots=True)
class Choice:
    """A model that fits, and how it is quantized to fit."""

    spec: BackboneSpec
    quantization: Quantization
    free: int  # bytes that the device has

    @property
    def reason(self) -> str:
        """Why it was chosen, in a few words."""
        bits = "" if self.quantization == "none" else f" in {self.quantization}"
        return (
            f"{self.spec.name}{bits}: the largest model on this machine that fits into"
            f" {self.free / _GIB:.1f} GiB of free memory"
        )


def largest_that_fits(
    device: torch.device, *, dtype: str = "auto", quantization: str = "auto"
) -> Choice | None:
    """Return the model with the most parameters whose weights fit, with a quarter to spare.

    Only models whose files, or quantized copies, are on this machine are looked at.

    Args:
        device: where it will run.
        dtype: as the user chose it.
        quantization: as the user chose it; ``auto`` takes the most bits that fit.

    Raises:
        ConfigError: if the dtype is unknown.
    """
    free = free_memory(device)
    found = (
        Choice(spec, bits, free)
        for spec in BACKBONES
        if spec.memory is not None
        for bits in _available(spec)
        if quantization in ("auto", bits)
        if fits(spec.memory, bits, choose_dtype(dtype, device, spec), free)
    )
    return max(found, key=_rank, default=None)


def recommended(device: torch.device) -> BackboneSpec | None:
    """Return a model to begin with, which need not be here; None where none fits."""
    free = free_memory(device)
    fitting = (
        spec
        for spec in BACKBONES
        if spec.recommended and spec.memory is not None
        if any(fits(spec.memory, bits, choose_dtype("auto", device, spec), free) for bits in ORDER)
    )
    return max(fitting, key=lambda spec: spec.parameters, default=None)


def _available(spec: BackboneSpec) -> Iterator[Quantization]:
    """Yield in how many bits a model can be had without fetching anything."""
    if spec.repo is None:
        return
    source = HubSource(spec.repo, spec.revision or DEFAULT_REVISION)
    if find_snapshot(source) is not None:
        yield from ORDER
        return
    for bits in QUANTIZED:
        if find_copy_of(Store(), source, bits) is not None:
            yield bits


def _rank(choice: Choice) -> tuple[int, int, int]:
    """More parameters first, then the later in the catalogue, which is newer, then more bits."""
    place = BACKBONES.index(choice.spec)
    return choice.spec.parameters, place, -ORDER.index(choice.quantization)
