"""The result of a stage as a LinVT checkpoint that ``linvt ask --checkpoint`` loads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linvt_cli.errors import LinVTError
from linvt_cli.training.tuning.adapter import save_lora
from linvt_cli.video_tokenizer.checkpoint import read_checkpoint_info, save_checkpoint
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer
from linvt_cli.video_tokenizer.package import ADAPTER

if TYPE_CHECKING:
    from peft import PeftModel


def export(
    folder: Path,
    linvt: LinearVideoTokenizer,
    lora: PeftModel | None,
    *,
    backbone: str,
    backbone_repo: str | None,
    backbone_revision: str | None,
    training: Mapping[str, Any],
) -> None:
    """Write a checkpoint into a folder, in place of the one that may be there.

    Args:
        folder: the checkpoint's.
        linvt: its weights, which keep their dtype.
        lora: of the language model, where one was trained.
        backbone: name of the row.
        backbone_repo: on the hub.
        backbone_revision: commit of its files.
        training: what is told of the run.
    """
    scratch = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(scratch, ignore_errors=True)
    save_checkpoint(
        scratch,
        linvt,
        linvt.config,
        backbone=backbone,
        backbone_repo=backbone_repo,
        backbone_revision=backbone_revision,
        training=dict(training),
    )
    if lora is not None:
        save_lora(lora, scratch / ADAPTER, base_model=backbone_repo or backbone)
    replace_folder(scratch, folder)


def replace_folder(new: Path, folder: Path) -> None:
    """Put a folder in the place of another, which is never there in part."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def is_result_of(folder: Path, facts: Mapping[str, Any]) -> bool:
    """Whether a folder holds what a stage with these settings has exported.

    Args:
        folder: of a checkpoint, there or not.
        facts: the settings, as JSON values.
    """
    try:
        told = read_checkpoint_info(folder).training
    except LinVTError:
        return False
    wanted = json.loads(json.dumps(dict(facts)))
    return all(told.get(name) == value for name, value in wanted.items())
