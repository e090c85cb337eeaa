"""Decides which files a backbone is loaded from: as published, or quantized, which is done once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from linvt_cli.backbones.loading import free_memory, give_memory_back
from linvt_cli.backbones.prequantized import stored_quantization
from linvt_cli.backbones.registry import BackboneSpec
from linvt_cli.config import Quantization, Workload
from linvt_cli.errors import OutOfMemoryError, StoreError
from linvt_cli.models.copies import bits_that_serve, find_copy_of
from linvt_cli.models.files import find_snapshot, require_folder
from linvt_cli.models.source import (
    DEFAULT_REVISION,
    HubSource,
    is_commit,
    names_repository,
    parse_source,
)
from linvt_cli.models.store import Store
from linvt_cli.pipeline.model_choice import find_model, missing_files
from linvt_cli.pipeline.precision import (
    choose_quantization,
    has_room,
    needed,
    respect_stored,
)
from linvt_cli.pipeline.quantizing import Notify, Published, require_published, revision_of
from linvt_cli.settings.catalogue import what_stands_for

_STORED_HINT = (
    "use the files as first published, a smaller --model (linvt models list), or another --device"
)


@dataclass(frozen=True, slots=True)
class Weights:
    """Where a backbone's files are, and how its language model is quantized."""

    folder: Path
    revision: str | None  # commit; of a folder of the user's, a hash of its files
    quantization: Quantization


def source_of_weights(spec: BackboneSpec, model: str) -> HubSource | None:
    """Return the repository of a backbone's files; None where they are no repository's.

    Args:
        spec: its row.
        model: as the user named it.
    """
    named = what_stands_for(model)
    if names_repository(named):
        return parse_source(named)
    return None if spec.repo is None else HubSource(spec.repo, spec.revision or DEFAULT_REVISION)


def find_weights(
    spec: BackboneSpec,
    source: HubSource | None,
    named: Path | None,
    *,
    choice: str,
    device: torch.device,
    dtype: torch.dtype,
    work: Workload,
    keep_quantized: bool,
    notify: Notify,
) -> Weights:
    """Find a backbone's files, and quantize them if that was not done before.

    Args:
        spec: the backbone's row.
        source: its repository.
        named: the folder that the user named.
        choice: the quantization as the user chose it.
        device: where it will run.
        dtype: in which it will compute.
        work: what it is to do.
        keep_quantized: whether a quantized copy is made, and looked for.
        notify: told, in a line, what takes long or did not work.

    Raises:
        BackboneLoadError: if the files are not on this machine, or cannot be used.
        ConfigError: if the choice is impossible.
        OutOfMemoryError: if the weights do not fit.
    """
    if named is None and spec.weights is not None:
        quantization = choose_quantization(choice, device, dtype, spec, work)
        return Weights(spec.weights, spec.revision, quantization)
    original = find_files(source, named, in_use=True)
    if original is None:
        return _copied(spec, source, choice, device, dtype, work, allowed=keep_quantized)
    if stored_quantization(original) != "none":
        stored = respect_stored(choice, "none", original)
        _require_room(spec, stored, device, dtype, work)
        return Weights(original, revision_of(original), stored)
    chosen = choose_quantization(choice, device, dtype, spec, work, notify=notify)
    found = Weights(original, revision_of(original), chosen)
    if chosen == "none" or not keep_quantized:
        return found
    return _quantized(Published(spec, original, source), found, device, notify)


def find_files(
    source: HubSource | None, named: Path | None, *, in_use: bool = False
) -> Path | None:
    """Return the folder with the files as published: the named one, or that of the repository.

    They are in the store or in the cache of Hugging Face tools; None where they are nowhere.

    Args:
        source: the repository.
        named: the folder.
        in_use: whether they are to be read now, which the store notes.

    Raises:
        BackboneLoadError: if what is named is no folder.
    """
    if named is not None:
        return require_folder(named)
    return None if source is None else find_snapshot(source, in_use=in_use)


def commit_of(folder: Path) -> str | None:
    """Return the commit that the files in a folder are at, where its name is one."""
    return folder.name if is_commit(folder.name) else None


def find_published(model: str) -> Published:
    """Return the files of a model as published, to be quantized.

    Args:
        model: a name, a folder or ``hub:owner/name[@revision]``.

    Raises:
        BackboneLoadError: if they are not on this machine, or cannot be used.
        ConfigError: if they cannot be quantized.
        UnknownBackboneError: if there is no such model.
    """
    spec, named = find_model(model)
    source = source_of_weights(spec, model)
    folder = spec.weights or find_files(source, named, in_use=True)
    if folder is None:
        raise missing_files(model)
    return require_published(spec, folder, source)


def _require_room(
    spec: BackboneSpec,
    stored: Quantization,
    device: torch.device,
    dtype: torch.dtype,
    work: Workload,
) -> None:
    """Refuse files that are quantized already, and do not fit: other bits cannot be had of them."""
    try:
        choose_quantization(stored, device, dtype, spec, work)
    except OutOfMemoryError as error:
        raise OutOfMemoryError(error.message, hint=_STORED_HINT) from error


def _copied(
    spec: BackboneSpec,
    source: HubSource | None,
    choice: str,
    device: torch.device,
    dtype: torch.dtype,
    work: Workload,
    *,
    allowed: bool,
) -> Weights:
    """Find a quantized copy of files that are not here any more."""
    too_large: OutOfMemoryError | None = None
    free = free_memory(device)
    # The most bits that leave room for the work, before those that hold the weights alone.
    by_room = sorted(
        bits_that_serve(choice) if allowed and spec.memory is not None else (),
        key=lambda bits: not has_room(needed(spec, bits, dtype, work, device), free),
    )
    for quantization in by_room:
        found = None if source is None else find_copy_of(Store(), source, quantization)
        if found is None:
            continue
        try:
            choose_quantization(quantization, device, dtype, spec, work)
        except OutOfMemoryError as error:
            too_large = error
        else:
            found.note_use()
            return Weights(found.folder, commit_of(found.folder), quantization)
    raise too_large or missing_files(spec.name)


def _quantized(
    published: Published, found: Weights, device: torch.device, notify: Notify
) -> Weights:
    """Find the quantized copy of files, or make it; without room for it, use the files.

    A copy may be made in more bits than the model is to compute in, and need memory accordingly.
    """
    try:
        copied = published.keep_quantized(found.quantization, device, notify)
    except (StoreError, OutOfMemoryError) as error:
        notify(f"the quantized copy cannot be kept: {error.message}")
    else:
        return replace(found, folder=copied.folder)
    give_memory_back(device)  # not above: there the error still holds what was loaded
    return found
