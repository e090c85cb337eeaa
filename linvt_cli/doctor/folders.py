"""Checks of the folders that linvt writes to: may it, and is there room?"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from linvt_cli.doctor.findings import Circumstances, Finding
from linvt_cli.errors import MachineError
from linvt_cli.settings.file import config_file
from linvt_cli.settings.folders import user_folder

_GIB = 2**30
LEAST_FREE = 2**28
"""Bytes below which even temporary files are at risk."""
MODEL_SIZE = 5 * _GIB
"""Bytes of a small image-LLM as it is published."""


def check_folders(_: Circumstances) -> Finding:
    """Write a small file into each folder, or into the nearest that is there.

    Raises:
        MachineError: if one cannot be written.
    """
    folders = used_folders()
    for purpose, folder in folders.items():
        try:
            with tempfile.TemporaryFile(dir=nearest_there(folder)) as file:
                file.write(b"linvt")
        except OSError as error:
            raise MachineError(
                f"The {purpose} '{folder}' cannot be written: {error.strerror}",
                hint=f"set {_VARIABLE[purpose]} to a folder of your own",
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
        if room < LEAST_FREE:
            raise MachineError(
                f"The disk of the {purpose} has {room / 2**20:.0f} MiB left",
                hint=f"make room there, or set {_VARIABLE[purpose]} to a folder elsewhere",
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


_MODELS = "folder of models"
_VARIABLE = {
    "cache of models": "HF_HOME",
    _MODELS: "LINVT_HOME",
    "folder of the configuration": "LINVT_CONFIG",
    "folder of temporary files": "TMPDIR",
}


def used_folders() -> dict[str, Path]:
    """Return the folders that linvt and its libraries write to, by purpose."""
    from huggingface_hub import constants

    places = (
        Path(constants.HF_HUB_CACHE),
        user_folder("data"),
        config_file().parent,
        Path(tempfile.gettempdir()),
    )
    return dict(zip(_VARIABLE, places, strict=True))


def nearest_there(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists: where it would be created."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
