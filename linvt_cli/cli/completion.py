"""What the shell offers to complete. Imports no torch: it runs at every press of the tab key."""

from __future__ import annotations

from linvt_cli.backbones.registry import BACKBONES
from linvt_cli.doctor.checks import CHECKS
from linvt_cli.errors import ConfigError
from linvt_cli.settings.catalogue import own_models
from linvt_cli.settings.table import SETTINGS


def complete_model(incomplete: str) -> list[tuple[str, str]]:
    """Return the models whose names begin so, each with its summary."""
    try:
        own = [(model.name, model.summary) for model in own_models().values()]
    except ConfigError:  # the command itself will say it
        own = []
    models = [*own, *((spec.name, spec.summary) for spec in BACKBONES)]
    return [row for row in models if row[0].startswith(incomplete.lower())]


def complete_key(incomplete: str) -> list[tuple[str, str]]:
    """Return the settings whose keys begin so, each with its summary."""
    return [
        (setting.key, setting.summary)
        for setting in SETTINGS
        if setting.key.startswith(incomplete.lower())
    ]


def complete_check(incomplete: str) -> list[tuple[str, str]]:
    """Return the checks of ``linvt doctor`` whose names begin so, each with its summary."""
    return [
        (check.name, check.summary) for check in CHECKS if check.name.startswith(incomplete.lower())
    ]
