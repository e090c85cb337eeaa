"""Chooses the best model on this machine that fits into free memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from linvt_cli.backbones.loading import free_memory
from linvt_cli.backbones.registry import BACKBONES, BackboneSpec
from linvt_cli.config import Quantization, Workload
from linvt_cli.models.copies import find_copy_of
from linvt_cli.models.files import find_snapshot
from linvt_cli.models.source import DEFAULT_REVISION, HubSource
from linvt_cli.models.store import QUANTIZED, Store
from linvt_cli.pipeline.memory import MemoryNeed
from linvt_cli.pipeline.precision import ORDER, choose_dtype, has_room, needed

_GIB = 2**30


@dataclass(frozen=True, slots=True)
class Choice:
    """A model that fits, and how it is quantized to fit."""

    spec: BackboneSpec
    quantization: Quantization
    free: int  # bytes that the device has
    need: MemoryNeed
    frames: int  # that the need is for

    @property
    def reason(self) -> str:
        """Why it was chosen, in a few words."""
        bits = "" if self.quantization == "none" else f" in {self.quantization}"
        return (
            f"{self.spec.name}{bits}: the largest model on this machine that fits into"
            f" {self.free / _GIB:.1f} GiB of free memory;"
            f" it takes {self.need.gib:.1f} GiB with {self.frames} frames"
        )


def largest_that_fits(
    device: torch.device,
    *,
    dtype: str = "auto",
    quantization: str = "auto",
    work: Workload | None = None,
    all_tokens: bool = False,
) -> Choice | None:
    """Return the model with the most parameters that fits with what it is to do.

    Only models whose files, or quantized copies, are on this machine are looked at.

    Args:
        device: where it will run.
        dtype: as the user chose it.
        quantization: as the user chose it; ``auto`` takes the most bits that fit.
        work: what it is to do; as each model likes it where left out.
        all_tokens: whether it will read every visual token of every frame.

    Raises:
        ConfigError: if the dtype is unknown.
    """
    free, asked = free_memory(device), work or Workload()
    found = (
        Choice(
            spec,
            bits,
            free,
            _need(spec, bits, device, dtype=dtype, work=asked, all_tokens=all_tokens),
            asked.frames or spec.default_frames,
        )
        for spec in BACKBONES
        if spec.memory is not None
        for bits in _available(spec)
        if quantization in ("auto", bits)
    )
    fitting = (choice for choice in found if has_room(choice.need, free))
    return max(fitting, key=_rank, default=None)


def recommended(
    device: torch.device,
    *,
    dtype: str = "auto",
    quantization: str = "auto",
    work: Workload | None = None,
    all_tokens: bool = False,
) -> BackboneSpec | None:
    """Return a model to begin with, which need not be here; None where none fits.

    Arguments and errors are those of ``largest_that_fits``.
    """
    free, asked = free_memory(device), work or Workload()
    fitting = (
        spec
        for spec in BACKBONES
        if spec.recommended and spec.memory is not None
        if any(
            has_room(
                _need(spec, bits, device, dtype=dtype, work=asked, all_tokens=all_tokens), free
            )
            for bits in ORDER
            if quantization in ("auto", bits)
        )
    )
    return max(fitting, key=lambda spec: spec.parameters, default=None)


def _need(
    spec: BackboneSpec,
    bits: Quantization,
    device: torch.device,
    *,
    dtype: str,
    work: Workload,
    all_tokens: bool,
) -> MemoryNeed:
    if all_tokens:
        frames = work.frames or spec.default_frames
        work = replace(work, video_tokens=frames * spec.tokens_per_frame)
    return needed(spec, bits, choose_dtype(dtype, device, spec), work, device)


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
