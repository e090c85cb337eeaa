"""Weights and what the optimizer keeps of each in one safetensors file, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from linvt_cli.training.optimizer import Muon

_MOMENTS = ("exp_avg", "exp_avg_sq")  # of AdamW
_MOMENTUM = ("momentum",)  # of Muon
_STATE = ("step", *_MOMENTS, *_MOMENTUM)  # of a weight that has had a gradient, in its own steps


def write_state(
    path: Path,
    learnt: Mapping[str, nn.Parameter],
    optimizers: Sequence[torch.optim.Optimizer],
    *,
    step: int,
    about: Mapping[str, str] | None = None,
) -> None:
    """Write where training stands after so many steps, whole or not at all.

    Args:
        path: written under another name and then renamed, so that a cut leaves the last one whole.
        learnt: the weights that are trained, by name.
        optimizers: each of some of those weights.
        step: how many steps were taken.
        about: what else is to be known of them.

    Raises:
        OSError: if the file cannot be put in its place.
        SafetensorError: if it cannot be written.
    """
    tensors = {f"weight.{name}": weight.detach().contiguous() for name, weight in learnt.items()}
    kept = {weight: state for each in optimizers for weight, state in each.state.items()}
    for name, weight in learnt.items():
        for part in _STATE:
            if part in kept.get(weight, {}):
                tensors[f"{part}.{name}"] = kept[weight][part].contiguous()
    partial = path.with_suffix(".partial")
    try:
        save_file(tensors, partial, metadata={"step": str(step), **(about or {})})
        partial.replace(path)
    except (OSError, SafetensorError):
        # A full disk is not to be filled by what nobody reads.
        partial.unlink(missing_ok=True)
        raise


def restore_state(
    file: Any, learnt: Mapping[str, nn.Parameter], optimizers: Sequence[torch.optim.Optimizer]
) -> int:
    """Go back to where training stood; return how many steps were taken.

    Args:
        file: as ``safe_open`` gives it.
        learnt: the weights that are trained; they are overwritten.
        optimizers: each of some of those weights.
    """
    step = int(file.metadata()["step"])
    restore_weights(file, learnt)
    home = {
        weight: optimizer
        for optimizer in optimizers
        for group in optimizer.param_groups
        for weight in group["params"]
    }
    names = set(file.keys())
    for name, weight in learnt.items():
        optimizer = home[weight]
        # What another optimizer kept of it is of no use.
        kept = {
            part: file.get_tensor(f"{part}.{name}").to(weight.device)
            for part in (_MOMENTUM if isinstance(optimizer, Muon) else _MOMENTS)
            if f"{part}.{name}" in names
        }
        if _MOMENTS[0] in kept:
            # Files of old do not tell how many of the steps a weight had a part in.
            own = f"step.{name}"
            kept["step"] = file.get_tensor(own) if own in names else torch.tensor(float(step))
        if kept:
            optimizer.state[weight] = kept
    return step


def restore_weights(file: Any, learnt: Mapping[str, nn.Parameter]) -> None:
    """Overwrite weights by those of a file; arguments as in ``restore_state``."""
    with torch.no_grad():
        for name, weight in learnt.items():
            weight.copy_(file.get_tensor(f"weight.{name}"))
