"""Whether linvt may use the network. Imports nothing that could."""

from __future__ import annotations

import os
import sys

VARIABLES = ("LINVT_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")

_TRUE = {"1", "on", "yes", "y", "true", "t"}  # all that the hub's library and Click take for it


def is_offline() -> bool:
    """Whether an environment variable forbids the network."""
    return any(os.environ.get(name, "").lower() in _TRUE for name in VARIABLES)


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
        go_offline()
