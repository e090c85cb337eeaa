"""Decides which backbone a user means, and where its files are, before anything is loaded."""

from __future__ import annotations

from pathlib import Path

from linvt_cli.backbones.recognition import recognize
from linvt_cli.backbones.registry import BACKBONES, BackboneSpec, find_backbone
from linvt_cli.errors import BackboneLoadError, LinVTError
from linvt_cli.models.copies import find_any_copy
from linvt_cli.models.files import count_parameters, find_snapshot, read_config, require_folder
from linvt_cli.models.offline import settled_way_online
from linvt_cli.models.source import (
    DEFAULT_REVISION,
    HubSource,
    likely_name,
    names_folder,
    names_repository,
    parse_source,
)
from linvt_cli.models.store import Store
from linvt_cli.settings.catalogue import find_own, what_stands_for
from linvt_cli.settings.folders import expanded
from linvt_cli.video_tokenizer.checkpoint import read_checkpoint_info


def find_model(name: str) -> tuple[BackboneSpec, Path | None]:
    """Return the row of a model, and the folder of its files where the name says it.

    Where the files of a repository were removed, a quantized copy tells what the model is; which
    copy is used depends on how many bits are asked for, so there is no folder.

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
        return _find_repository(name, parse_source(named))
    if names_folder(named):
        folder = require_folder(expanded(named), meant=_likely_name(named))
        return _recognized(name, folder), folder
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
        folder = find_snapshot(parse_source(named), in_use=True)
        if folder is None:
            raise missing_files(named)
        return folder
    return Path(named)


def trained_frames(named: str | Path) -> int | None:
    """Return how many frames of each video a LinVT checkpoint was trained on.

    None where it does not say, or cannot be read, which loading it explains.
    """
    try:
        frames = read_checkpoint_info(find_checkpoint(named)).training.get("frames")
    except LinVTError:
        return None
    return frames if isinstance(frames, int) and frames > 0 else None


def _find_repository(name: str, source: HubSource) -> tuple[BackboneSpec, Path | None]:
    folder = find_snapshot(source, in_use=True)
    known_by = folder or find_any_copy(Store(), source)
    if known_by is None:
        raise missing_files(name)
    return _recognized(name, known_by), folder


def _likely_name(text: str) -> str | None:
    """Return the name of the model that a user may have meant by a folder that is not there."""
    catalogue = {
        HubSource(spec.repo, spec.revision or DEFAULT_REVISION): spec.name
        for spec in BACKBONES
        if spec.repo is not None
    }
    return likely_name(text, catalogue)


def _recognized(name: str, folder: Path) -> BackboneSpec:
    return recognize(name, read_config(folder), parameters=count_parameters(folder))


def missing_files(name: str) -> BackboneLoadError:
    """Return the error that says that the files of a model are not here."""
    way_online = settled_way_online()
    offline = "" if way_online is None else f"linvt is offline: {way_online}, then "
    return BackboneLoadError(
        f"The files of '{name}' are not on this machine",
        hint=f"{offline}linvt models pull {name}; or name a folder with its files",
    )
