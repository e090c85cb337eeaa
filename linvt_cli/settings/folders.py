"""Where a user's files are: a home folder may be nowhere, as in containers with a bare user id."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from linvt_cli.errors import MachineError


def expanded(named: str | Path) -> Path:
    """Return a path in which ``~`` stands for a home folder; as it is where there is none."""
    return Path(os.path.expanduser(named))  # noqa: PTH111 - that of Path raises a RuntimeError


def user_folder(kind: Literal["cache", "config", "data"]) -> Path:
    """Return ``LINVT_HOME``, else the folder that the system has for linvt's files of a user.

    Raises:
        MachineError: if the user has neither it nor a home folder.
    """
    if home := os.environ.get("LINVT_HOME"):
        return expanded(home)
    import platformdirs

    find = {
        "cache": platformdirs.user_cache_path,
        "config": platformdirs.user_config_path,
        "data": platformdirs.user_data_path,
    }[kind]
    try:
        return find("linvt", appauthor=False)
    except RuntimeError as error:
        raise MachineError(
            "This user has no home folder", hint="set HOME, or LINVT_HOME to a folder of its own"
        ) from error
