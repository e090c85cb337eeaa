"""Where a stage stands, on disk: weights, optimizer, step, and with which settings.

The file is safetensors, written under another name and then renamed, so that a cut leaves the last
one whole. Data and dropout follow from the seed and the step, so there is no more to keep.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from linvt_cli.backbones.loading import is_out_of_memory
from linvt_cli.errors import CheckpointCorruptError, ConfigError
from linvt_cli.training.state import restore_state, write_state

Facts = Mapping[str, Any]
"""Settings that decide what comes out, as JSON values."""


def save_state(
    path: Path,
    learnt: Mapping[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    *,
    step: int,
    facts: Facts,
) -> None:
    """Write where a stage stands after so many steps."""
    write_state(path, learnt, [optimizer], step=step, about={"facts": json.dumps(dict(facts))})


def load_state(
    path: Path,
    learnt: Mapping[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    *,
    facts: Facts,
) -> int:
    """Go back to where a stage stood; return how many steps were taken.

    Raises:
        ConfigError: if the stage was run with other settings.
        CheckpointCorruptError: if the file is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            found = json.loads(file.metadata()["facts"])
            _require_same(path, found, json.loads(json.dumps(dict(facts))))
            return restore_state(file, learnt, [optimizer])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise
        raise CheckpointCorruptError(
            f"'{path}' cannot be gone on from: {error}",
            hint="remove it to begin the stage anew",
        ) from error


def _require_same(path: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    for name in sorted(found.keys() | wanted.keys()):
        if found.get(name) != wanted.get(name):
            raise ConfigError(
                f"'{path}' is of a run with another '{name}': {found.get(name)!r}, now"
                f" {wanted.get(name)!r}",
                field=name,
                hint="give the same options to go on; or remove the file to begin the stage anew,"
                " or name another folder",
            )
