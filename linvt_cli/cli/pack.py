"""``linvt models pack``: make a trained LinVT ready to be published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from linvt_cli.backbones.registry import BACKBONES
from linvt_cli.cli.options import QuietOption
from linvt_cli.cli.output import Output
from linvt_cli.errors import CheckpointError
from linvt_cli.models.safety import require_safe_content


def pack(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="Folder that 'linvt train' wrote")
    ],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="New folder to publish")],
    license_name: Annotated[
        str, typer.Option("--license", metavar="SPDX", help="Licence of the weights")
    ] = "Apache-2.0",
    quiet: QuietOption = False,
) -> None:
    """Write a trained LinVT into a new folder, check it, and add a model card."""
    from linvt_cli.video_tokenizer.checkpoint import read_checkpoint_info
    from linvt_cli.video_tokenizer.package import pack_checkpoint

    output = Output(quiet=quiet)
    backbone = read_checkpoint_info(checkpoint).backbone
    repos = {spec.name: spec.repo for spec in BACKBONES}
    try:
        for path in sorted(checkpoint.glob("adapter/*")):
            require_safe_content(path.name, path)
        pack_checkpoint(
            checkpoint, folder, backbone_repo=repos.get(backbone), license_name=license_name
        )
    except OSError as error:
        raise CheckpointError(
            f"'{folder}' cannot be written ({error.strerror})", hint="name another folder"
        ) from error
    output.line(str(folder))
    output.notice(f"read {folder / 'README.md'}, then publish: hf upload OWNER/NAME {folder}")
