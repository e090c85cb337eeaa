"""The settings of a run, kept in its folder: what goes on there goes on with the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from linvt_cli.errors import ConfigError
from linvt_cli.training.whole_file import write_whole


def hold_to_settings(path: Path, settings: Mapping[str, Any], *, kind: str) -> None:
    """Write down the settings of a run folder, or refuse to go on with others.

    Args:
        path: their file, in the run folder.
        settings: what JSON can hold, by name.
        kind: of run, as the message calls it.

    Raises:
        ConfigError: what the folder holds was made with other settings.
    """
    if not path.exists():
        write_whole(path, json.dumps(settings, indent=2) + "\n")
        return
    held = json.loads(path.read_text(encoding="utf-8"))
    require_same(held, settings, refusal=f"'{path.parent}' holds {kind} with other settings")


def require_same(held: Mapping[str, Any], settings: Mapping[str, Any], *, refusal: str) -> None:
    """Refuse settings that are not those of a folder, naming the first that differs.

    Args:
        held: what was read back from the folder.
        settings: what JSON can hold, by name.
        refusal: how the message begins.

    Raises:
        ConfigError: one differs.
    """
    for name, value in json.loads(json.dumps(settings)).items():
        if held.get(name) != value:
            raise ConfigError(
                f"{refusal}: {name} was {held.get(name)}, and is {value}",
                field=name,
                hint="give the options of its first run, or another folder with -o",
            )
