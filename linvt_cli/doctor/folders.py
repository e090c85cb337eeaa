"""Checks of the folders that linvt writes to: may it, and is there room?"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from linvt_cli.doctor.findings import Circumstances, Finding
from linvt_cli.errors import MachineError
from linvt_cli.models.store import default_root
from linvt_cli.settings.file import config_file

_GIB = 2**30
LEAST_FREE = 2**28
"""Bytes below which even temporary files are at risk."""
MODEL_SIZE = 5 * _GIB
"""Bytes of a small image-LLM as it is published."""


def check_folders(_: Circumstances) -> Finding:
    """Write a small file into each folder, or into the nearest that is there.

    Raises:
        MachineError: if one cannot be used.
    """
    folders = used_folders()
    for purpose, folder in folders.items():
        if purpose == _READ:
            _require_readable(folder)
            continue
        try:
            with tempfile.TemporaryFile(dir=nearest_there(folder)) as file:
                file.write(b"linvt")
        except OSError as error:
            raise MachineError(
                f"The {purpose} '{folder}' cannot be written: {error.strerror}",
                hint=f"set {_VARIABLE[purpose]} to a {_kind(purpose)} of your own",
            ) from error
    shown = ", ".join(str(folder) for folder in folders.values())
    return Finding(
        f"can be written: {shown}",
        facts={"folders": {purpose: str(folder) for purpose, folder in folders.items()}},
    )


def check_disk(_: Circumstances) -> Finding:
    """See how much room there is for models and temporary files.

    Raises:
        MachineError: if a disk is full.
    """
    free = {
        purpose: shutil.disk_usage(nearest_there(folder)).free
        for purpose, folder in used_folders().items()
    }
    facts = {"free_gib": {purpose: round(room / _GIB, 1) for purpose, room in free.items()}}
    for purpose, room in free.items():
        if room < LEAST_FREE and purpose != _READ:
            raise MachineError(
                f"The disk of the {purpose} has {room / 2**20:.0f} MiB left",
                hint=f"make room, or set {_VARIABLE[purpose]} to a {_kind(purpose)} elsewhere",
            )
    room = free[_MODELS]
    if room < MODEL_SIZE:
        return Finding(
            f"{room / _GIB:.1f} GiB free, and a small model takes {MODEL_SIZE / _GIB:.0f}",
            facts=facts,
            status="warning",
            hint=f"make room, or set {_VARIABLE[_MODELS]} to a folder elsewhere",
        )
    return Finding(f"{room / _GIB:.0f} GiB free for models", facts=facts)


_READ = "cache of models"  # of other tools: linvt writes nothing there
_MODELS = "folder of models"
_CONFIGURATION = "folder of the configuration"
_VARIABLE = {
    _READ: "HF_HOME",
    _MODELS: "LINVT_HOME",
    _CONFIGURATION: "LINVT_CONFIG",
    "folder of temporary files": "TMPDIR",
}


def _kind(purpose: str) -> str:
    """What the variable names."""
    return "file in a folder" if purpose == _CONFIGURATION else "folder"


def _require_readable(folder: Path) -> None:
    if folder.exists() and not os.access(folder, os.R_OK | os.X_OK):
        raise MachineError(
            f"The {_READ} '{folder}' cannot be read",
            hint=f"set {_VARIABLE[_READ]} to a folder that you may read",
        )


def used_folders() -> dict[str, Path]:
    """Return the folders that linvt writes to, and the one where it finds models, by purpose."""
    from huggingface_hub import constants

    places = (
        Path(constants.HF_HUB_CACHE),
        default_root(),
        config_file().parent,
        Path(tempfile.gettempdir()),
    )
    return dict(zip(_VARIABLE, places, strict=True))


def nearest_there(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists: where it would be created."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
