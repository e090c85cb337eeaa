"""Which model answers where the user names none, or says ``auto``."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, TypedDict

from linvt_cli.cli.asked import AUTO, DEFAULT_MODEL, ModelOptions
from linvt_cli.cli.output import Output
from linvt_cli.cli.pulling import pull_model
from linvt_cli.config import Workload
from linvt_cli.models.offline import is_offline, settle_offline

if TYPE_CHECKING:
    import torch


class _Settings(TypedDict):
    """What a model must fit with."""

    dtype: str
    quantization: str
    work: Workload
    all_tokens: bool


DEFAULT_NOTICE = (
    "note: nano, the built-in model, only knows drawn clips like those of 'linvt demo-clip';"
    " for other videos add --model NAME, see: linvt models list"
)


def settle_model(model: ModelOptions, output: Output) -> ModelOptions:
    """Return the options with the name of a model, and say which one where the user named none.

    Without a name, and with a CUDA device: the largest model on this machine that fits; if there is
    none, on a terminal, a recommended one, if the user agrees to pull it. ``auto`` takes the
    largest that fits on any device. Else it is nano.

    Args:
        model: what the user asked for.
        output: where questions and notices go.

    Raises:
        ConfigError: if an option is wrong.
        DeviceError: if this machine lacks the device.
        DownloadError: if what the user agreed to cannot be pulled.
    """
    if model.name not in (None, AUTO):
        return model
    if model.weights is not None:
        return replace(model, name=DEFAULT_MODEL)
    from linvt_cli.backbones.loading import select_device
    from linvt_cli.pipeline.fitting import largest_that_fits

    settle_offline(model.offline)
    device = select_device(model.device)
    if model.name == AUTO or device.type == "cuda":
        choice = largest_that_fits(device, **_settings(model))
        if choice is not None:
            output.notice(choice.reason)
            fitted = model.quant == "auto"
            return replace(model, name=choice.spec.name, quant=choice.quantization, fitted=fitted)
    name = _offered(device, model, output) if device.type == "cuda" else None
    if name is None:
        output.notice(DEFAULT_NOTICE)
    return replace(model, name=name or DEFAULT_MODEL)


def _settings(model: ModelOptions) -> _Settings:
    return {
        "dtype": model.dtype,
        "quantization": model.quant,
        "work": model.work,
        "all_tokens": model.tokenizer == "all",
    }


def _offered(device: torch.device, model: ModelOptions, output: Output) -> str | None:
    """Offer to pull a model, where somebody is there to answer; return what was pulled."""
    if is_offline() or output.quiet or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    import typer

    from linvt_cli.pipeline.fitting import recommended

    spec = recommended(device, **_settings(model))
    if spec is None or spec.memory is None:
        return None
    question = f"No model for real videos is here. Pull {spec.name} ({spec.memory.none:.1f} GiB)?"
    try:
        agreed = typer.confirm(question, default=True, err=True)
    except typer.Abort as abort:  # Ctrl-C, or an end of the input
        raise KeyboardInterrupt from abort
    if not agreed:
        return None
    pull_model(spec.name, output)
    return spec.name
