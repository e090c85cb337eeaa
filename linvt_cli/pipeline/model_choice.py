"""Decides which backbone a user means, and where its files are, before anything is loaded."""

from __future__ import annotations

from pathlib import Path

from linvt_cli.backbones.recognition import recognize
from linvt_cli.backbones.registry import BackboneSpec, find_backbone
from linvt_cli.errors import BackboneLoadError
from linvt_cli.models.copies import find_any_copy
from linvt_cli.models.files import count_parameters, find_snapshot, read_config, require_folder
from linvt_cli.models.source import HubSource, names_folder, names_repository, parse_source
from linvt_cli.models.store import Store
from linvt_cli.settings.catalogue import find_own, what_stands_for
from linvt_cli.settings.folders import expanded


def find_model(name: str) -> tuple[BackboneSpec, Path | None]:
    """Return the row of a model, and the folder of its files where the name says it.

    Where the files of a repository were removed, that is the folder of a quantized copy.

    Args:
        name: of a row or of an entry of the user's catalogue, ``hub:owner/name[@revision]``, or a
            folder.

    Raises:
        UnknownBackboneError: if there is no such name.
        BackboneLoadError: if the files are not on this machine, or no adapter reads them.
        UnsafeFilesError: if they hold something that no honest model needs.
    """
    named = what_stands_for(name)
    if names_repository(named):
        return _brought(name, _require_snapshot(parse_source(named), name))
    if names_folder(named):
        return _brought(name, require_folder(expanded(named)))
    return find_backbone(named), None


def checkpoint_of(name: str) -> str | None:
    """Return the LinVT checkpoint that the user's catalogue names for a model, if it does."""
    own = find_own(name)
    return None if own is None else own.checkpoint


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
    folder = find_snapshot(source, in_use=True) or find_any_copy(Store(), source)
    if folder is None:
        raise missing_files(name)
    return folder


def missing_files(name: str) -> BackboneLoadError:
    """Return the error that says that the files of a model are not here."""
    return BackboneLoadError(
        f"The files of '{name}' are not on this machine",
        hint=f"linvt models pull {name}; or name a folder with its files",
    )
