"""``linvt quantize``: write a model's weights in 4 or 8 bits, ahead of the first use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from linvt_cli.cli import options
from linvt_cli.cli.completion import complete_model
from linvt_cli.cli.interrupts import ended_by_sigterm
from linvt_cli.cli.output import Output
from linvt_cli.cli.pulling import pull_if_needed
from linvt_cli.cli.sizes import bytes_text
from linvt_cli.errors import StoreError
from linvt_cli.models.offline import settle_offline
from linvt_cli.models.source import names_folder
from linvt_cli.models.store import size_of


def quantize(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="Name of a model, a folder with its files, or hub:owner/name[@revision]",
            autocompletion=complete_model,
        ),
    ],
    to: Annotated[
        Literal["int8", "nf4"],
        typer.Option("--to", help="Quantization of the language model: 8 or 4 bits"),
    ] = "nf4",
    folder: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="New folder for the copy [default: the store, where later starts find it]",
        ),
    ] = None,
    device: options.DeviceOption = "auto",
    pull: options.PullOption = False,
    offline: options.OfflineOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Quantize a model once, so that it starts fast, and print the folder of the copy.

    It needs no GPU, and memory for little more than the quantized model.
    """
    output = Output(quiet=quiet)
    settle_offline(offline)
    pull_if_needed(model, output, allowed=pull)
    with ended_by_sigterm(), output.progress(f"Quantizing {model}"):
        from linvt_cli.backbones.loading import select_device
        from linvt_cli.pipeline.weights import find_published

        published, place = find_published(model), select_device(device)
        if folder is None:
            made = published.keep_quantized(to, place, output.notice).folder
        else:
            made = folder
            try:
                published.write_quantized(folder, to, place)
            except OSError as error:
                raise StoreError(
                    f"'{folder}' cannot be written ({error.strerror})", hint="name another folder"
                ) from error
    output.line(str(made))
    output.notice(f"{bytes_text(size_of(made))}, used by: {_use(model, to, folder)}")


def _use(model: str, to: str, folder: Path | None) -> str:
    """Return what to type to ask the copy."""
    if folder is None:
        return f"linvt ask --model {model} --quant {to}"
    named = str(folder) if names_folder(str(folder)) else f"./{folder}"
    return f"linvt ask --model {named}"
