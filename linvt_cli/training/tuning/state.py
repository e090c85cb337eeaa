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
from safetensors.torch import save_file
from torch import nn

from linvt_cli.errors import CheckpointCorruptError, ConfigError

_MOMENTS = ("exp_avg", "exp_avg_sq")
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
    tensors = {f"weight.{name}": weight.detach().contiguous() for name, weight in learnt.items()}
    for name, weight in learnt.items():
        for moment in _MOMENTS:
            if moment in optimizer.state.get(weight, {}):
                tensors[f"{moment}.{name}"] = optimizer.state[weight][moment].contiguous()
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata={"step": str(step), "facts": json.dumps(dict(facts))})
    partial.replace(path)


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
            about = file.metadata()
            step, found = int(about["step"]), json.loads(about["facts"])
            _require_same(path, found, json.loads(json.dumps(dict(facts))))
            names = set(file.keys())
            for name, weight in learnt.items():
                with torch.no_grad():
                    weight.copy_(file.get_tensor(f"weight.{name}"))
                if f"exp_avg.{name}" in names:
                    moments = {
                        moment: file.get_tensor(f"{moment}.{name}").to(weight.device)
                        for moment in _MOMENTS
                    }
                    optimizer.state[weight] = {"step": torch.tensor(float(step)), **moments}
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointCorruptError(
            f"'{path}' cannot be gone on from: {error}",
            hint="remove it to begin the stage anew",
        ) from error
    return step


def _require_same(path: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    for name in sorted(found.keys() | wanted.keys()):
        if found.get(name) != wanted.get(name):
            raise ConfigError(
                f"'{path}' is of a run with another '{name}': {found.get(name)!r}, now"
                f" {wanted.get(name)!r}",
                field=name,
                hint="give the same options to go on, or another folder for another run",
            )
