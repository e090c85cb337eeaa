"""Decides which backbone a user means, and where its files are, before anything is loaded."""

from __future__ import annotations

from pathlib import Path

from linvt_cli.backbones.recognition import recognize
from linvt_cli.backbones.registry import BackboneSpec, find_backbone
from linvt_cli.errors import BackboneLoadError
from linvt_cli.models.files import count_parameters, find_snapshot, read_config, require_folder
from linvt_cli.models.source import (
    DEFAULT_REVISION,
    HubSource,
    is_commit,
    names_folder,
    names_repository,
    parse_source,
)


def find_model(name: str) -> tuple[BackboneSpec, Path | None]:
    """Return the row of a model, and the folder of its files where the name says it.

    Args:
        name: of a row, ``hub:owner/name[@revision]``, or a folder.

    Raises:
        UnknownBackboneError: if there is no such name.
        BackboneLoadError: if the files are not on this machine, or no adapter reads them.
        UnsafeFilesError: if they hold something that no honest model needs.
    """
    if names_repository(name):
        return _brought(name, _require_snapshot(parse_source(name), name))
    if names_folder(name):
        return _brought(name, require_folder(Path(name).expanduser()))
    return find_backbone(name), None


def find_files(spec: BackboneSpec, weights: Path | None) -> tuple[Path, str | None]:
    """Return where a backbone's files are, and their commit where it is known.

    They are where the user says, inside linvt, in the store, or in the cache of Hugging Face tools.

    Raises:
        BackboneLoadError: if they are nowhere.
    """
    if weights is not None:
        return require_folder(weights), _commit_of(weights)
    if spec.weights is not None:
        return spec.weights, spec.revision
    if spec.repo is None:
        raise BackboneLoadError(f"Backbone '{spec.name}' names no place of its files")
    source = HubSource(spec.repo, spec.revision or DEFAULT_REVISION)
    folder = _require_snapshot(source, spec.name)
    return folder, _commit_of(folder)


def find_checkpoint(named: str | Path) -> Path:
    """Return the folder of a LinVT checkpoint that is named by folder or by repository.

    Raises:
        BackboneLoadError: if the repository is not on this machine.
    """
    if isinstance(named, str) and names_repository(named):
        return _require_snapshot(parse_source(named), named)
    return Path(named)


def _brought(name: str, folder: Path) -> tuple[BackboneSpec, Path]:
    config = read_config(folder)
    return recognize(name, config, parameters=count_parameters(folder)), folder


def _require_snapshot(source: HubSource, name: str) -> Path:
    folder = find_snapshot(source)
    if folder is None:
        raise BackboneLoadError(
            f"The files of '{name}' are not on this machine",
            hint=f"linvt models pull {name}; or name a folder with its files",
        )
    return folder


def _commit_of(folder: Path) -> str | None:
    return folder.name if is_commit(folder.name) else None
