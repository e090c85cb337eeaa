"""Whether linvt may use the network. Imports nothing that could."""

from __future__ import annotations

import os
import sys

from linvt_cli.errors import LinVTError
from linvt_cli.settings.file import read_file

VARIABLES = ("LINVT_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")

_WAY_ONLINE = "LINVT_WAY_ONLINE"
"""Variable in which a process keeps what lifts the ban: its own ban hides what the user set."""

_TRUE = {"1", "on", "yes", "y", "true", "t"}  # all that the hub's library and Click take for it


def is_offline() -> bool:
    """Whether an environment variable forbids the network."""
    return bool(_forbidding())


def way_online() -> str:
    """Return what the user is to do so that linvt may use the network, for a hint."""
    # The hub's library may have read its variable before that was taken back.
    variables = _forbidding() or ["HF_HUB_OFFLINE"]
    return settled_way_online() or f"unset {' and '.join(variables)}"


def settled_way_online() -> str | None:
    """Return the same if a command was told to stay offline; None outside of such a command."""
    return os.environ.get(_WAY_ONLINE)


def go_offline() -> None:
    """Forbid the network to linvt and to the libraries of Hugging Face, for this process."""
    os.environ["LINVT_OFFLINE"] = os.environ["HF_HUB_OFFLINE"] = "1"
    # The hub's library reads the variable once, when it is imported.
    if (constants := sys.modules.get("huggingface_hub.constants")) is not None:
        vars(constants)["HF_HUB_OFFLINE"] = True


def settle_offline(offline: bool) -> None:
    """Do in this process what the command line decided; it has read ``LINVT_OFFLINE`` itself.

    So ``--no-offline`` beats that variable. Those of Hugging Face forbid the network all the same.
    """
    if not offline:
        os.environ.pop("LINVT_OFFLINE", None)
    if offline or is_offline():
        if settled_way_online() is None:  # not settled before: the variables are the user's
            os.environ[_WAY_ONLINE] = _way_online(offline)
        go_offline()
    else:
        os.environ.pop(_WAY_ONLINE, None)


def _forbidding() -> list[str]:
    return [name for name in VARIABLES if os.environ.get(name, "").lower() in _TRUE]


def _way_online(offline: bool) -> str:
    variables = _forbidding()
    ways = [f"unset {' and '.join(variables)}"] if variables else []
    if offline and _file_forbids():
        ways.append("linvt config unset offline (or add --no-offline)")
    elif offline and "LINVT_OFFLINE" not in variables:
        ways.append("leave out --offline")
    return ", and ".join(ways)


def _file_forbids() -> bool:
    """Whether the configuration file is where the command line has its decision from."""
    try:
        return read_file().values.get("offline") is True
    except LinVTError:
        return False
