"""Which weights a model's name stands for at present: rows that others wrote are not its own."""

from __future__ import annotations

from pathlib import Path

from linvt_cli.cli.asked import ModelOptions
from linvt_cli.cli.pulling import source_of
from linvt_cli.models.copies import find_any_copy
from linvt_cli.models.files import find_snapshot
from linvt_cli.models.source import HubSource, names_folder, names_repository, parse_source
from linvt_cli.models.store import Store
from linvt_cli.models.version import version_of
from linvt_cli.settings.catalogue import what_stands_for
from linvt_cli.settings.folders import expanded


def weights_versions(model: ModelOptions) -> tuple[str | None, str | None]:
    """Return texts that change with the weights of a model, and with those of its LinVT.

    None stands for files that are not on this machine, and for a tokenizer without weights.

    Raises:
        ConfigError: if the name of a repository is none.
        UnknownBackboneError: if there is no such model.
    """
    folders = _folder_of_model(model), _folder_of_linvt(model)
    versions = [None if folder is None else version_of(folder) for folder in folders]
    return versions[0], versions[1]


def _folder_of_model(model: ModelOptions) -> Path | None:
    if model.weights is not None:
        return Path(model.weights)
    named = what_stands_for(model.chosen)
    if names_folder(named):
        return expanded(named)
    if model.spec is not None and model.spec.weights is not None:
        return model.spec.weights
    return _folder_of_repository(source_of(named))


def _folder_of_linvt(model: ModelOptions) -> Path | None:
    if model.tokenizer not in (None, "linvt"):
        return None
    checkpoint = model.linvt_checkpoint
    if checkpoint is None:
        return None if model.spec is None else model.spec.linvt
    if names_repository(checkpoint):
        return _folder_of_repository(parse_source(checkpoint))
    return Path(checkpoint)


def _folder_of_repository(source: HubSource) -> Path | None:
    return find_snapshot(source) or find_any_copy(Store(), source)
