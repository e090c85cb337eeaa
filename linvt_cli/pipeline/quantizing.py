"""Quantizes a backbone once: its weights are written as they are then, and read ever after."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from linvt_cli.backbones.copy_description import version_of_original
from linvt_cli.backbones.loading import (
    give_memory_back,
    memory_errors_translated,
    select_dtype,
)
from linvt_cli.backbones.prequantized import stored_quantization
from linvt_cli.backbones.registry import BackboneSpec, load_backbone
from linvt_cli.config import Quantization, Workload
from linvt_cli.errors import ConfigError, OutOfMemoryError
from linvt_cli.models.copies import find_copy, make_copy, original_of
from linvt_cli.models.source import HubSource
from linvt_cli.models.store import PulledModel, Store
from linvt_cli.models.version import version_of
from linvt_cli.pipeline.memory import memory_need

Notify = Callable[[str], None]


def revision_of(folder: Path) -> str:
    """Return which weights a folder holds: a commit, or a hash; of a copy, those of its original.

    Raises:
        BackboneLoadError: if a copy does not say in JSON what it is.
    """
    return version_of_original(folder) or version_of(folder)


@dataclass(frozen=True, slots=True)
class Published:
    """A backbone's files as published, which can be quantized."""

    spec: BackboneSpec
    folder: Path
    source: HubSource | None  # None where they are in a folder of the user's

    def keep_quantized(
        self, quantization: Quantization, device: torch.device, notify: Notify
    ) -> PulledModel:
        """Return the quantized copy in the store; make it if it is not there.

        Args:
            quantization: int8 or nf4.
            device: where it is quantized.
            notify: told, in a line, what takes long.

        Raises:
            BackboneLoadError: if the files cannot be used.
            OutOfMemoryError: if the device runs out of memory.
            StoreError: if there is no room for the copy, or it cannot be written.
        """
        store, original = Store(), original_of(self.folder, self.source)
        copied = find_copy(store, original, quantization)
        if copied is None:
            notify(f"quantizing '{self.spec.name}' to {quantization}: once, and kept")
            copied = make_copy(
                store,
                original,
                quantization,
                lambda target: self._write(target, quantization, device),
                needed=self._size(quantization),
                on_wait=lambda: notify(f"another linvt is quantizing '{self.spec.name}': waiting"),
            )
        copied.note_use()
        return copied

    def write_quantized(
        self, target: Path, quantization: Quantization, device: torch.device
    ) -> None:
        """Write a quantized copy into a new folder, whole or not at all.

        Args:
            target: the folder.
            quantization: int8 or nf4.
            device: where it is quantized.

        Raises:
            ConfigError: if the folder is there already.
            BackboneLoadError: if the files cannot be used.
            OutOfMemoryError: if the device runs out of memory.
            OSError: if it cannot be written.
        """
        if target.exists():
            raise ConfigError(
                f"'{target}' is there already", field="output", hint="name a new folder"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".quantizing-") as scratch:
            folder = Path(scratch) / target.name
            folder.mkdir()
            self._write(folder, quantization, device)
            folder.rename(target)

    def _write(self, target: Path, quantization: Quantization, device: torch.device) -> None:
        """Write a copy whose other weights keep the number format of the files, if that fits.

        Else they have that in which the model computes on the device, for which memory was planned.
        """
        published = self._published_dtype()
        lighter = select_dtype(device, half_precision=self.spec.half_precision)
        try:
            self._write_in(published, target, quantization, device)
        except OutOfMemoryError:
            if lighter.itemsize >= published.itemsize:
                raise
        else:
            return
        # Not above: there the error still holds all that was loaded.
        give_memory_back(device)
        for file in target.iterdir():
            file.unlink()
        self._write_in(lighter, target, quantization, device)

    def _write_in(
        self, dtype: torch.dtype, target: Path, quantization: Quantization, device: torch.device
    ) -> None:
        """Load the backbone, quantize it, check its vision tower, and write what came of it.

        One tensor after the other is read, quantized and let go: memory holds the quantized model
        and little more.
        """
        # Here, not above: who only answers with nano need not wait for parts of transformers.
        from linvt_cli.backbones.quantized_copy import write_copy

        with memory_errors_translated(
            device, hint="use another --device", quantization=quantization
        ):
            backbone: Any = load_backbone(
                self.spec,
                folder=self.folder,
                device=device,
                dtype=dtype,
                quantization=quantization,
            )
            write_copy(
                backbone.model,
                self.folder,
                target,
                version=revision_of(self.folder),
                quantization=quantization,
                full_precision=backbone.full_precision,
            )
        del backbone
        give_memory_back(device)  # for the copy, which may be loaded next

    def _size(self, quantization: Quantization) -> int:
        """How many bytes a copy has, about."""
        return memory_need(self.spec, quantization, self._published_dtype(), Workload()).weights

    def _published_dtype(self) -> torch.dtype:
        from linvt_cli.backbones.quantized_copy import published_dtype

        return published_dtype(self.folder)


def require_published(spec: BackboneSpec, folder: Path, source: HubSource | None) -> Published:
    """Return the files of a backbone, if they can be quantized.

    Raises:
        BackboneLoadError: if they are quantized in a way that cannot be read.
        ConfigError: if they are quantized already, or the backbone never is.
    """
    if spec.memory is None:
        raise ConfigError(
            f"'{spec.name}' is too small to be quantized",
            field="model",
            hint="linvt models list names the models that are large enough",
        )
    stored = stored_quantization(folder)
    if stored != "none":
        raise ConfigError(
            f"The weights in '{folder}' are quantized already ({stored})",
            field="model",
            hint="name the files as first published",
        )
    return Published(spec, folder, source)
