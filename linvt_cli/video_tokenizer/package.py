"""Makes a LinVT checkpoint ready to be published: checked, described, and nothing else in it."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from linvt_cli.errors import CheckpointCorruptError, CheckpointError
from linvt_cli.video_tokenizer.checkpoint import (
    WEIGHTS_FILE,
    CheckpointInfo,
    load_checkpoint,
    read_checkpoint_info,
    write_checkpoint_info,
)
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer

CARD_FILE = "README.md"
ADAPTER = "adapter"
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
"""What PEFT writes of a LoRA that was trained together with LinVT."""


def pack_checkpoint(
    source: Path, target: Path, *, backbone_repo: str | None, license_name: str
) -> CheckpointInfo:
    """Write a checkpoint into a new folder, with a card, and check that it loads.

    The folder appears whole or not at all.

    Args:
        source: a checkpoint, as training writes it.
        target: the new folder.
        backbone_repo: of the backbone that it was trained with, where it does not say.
        license_name: SPDX name, for the card.

    Raises:
        CheckpointError: if the new folder is there already, or the checkpoint cannot be used.
        CheckpointCorruptError: if its weights do not fit, are not finite, or an adapter is half.
        OSError: if it cannot be written.
    """
    if target.exists():
        raise CheckpointError(f"'{target}' is there already", hint="name a new folder")
    info = read_checkpoint_info(source)
    info = replace(info, backbone_repo=info.backbone_repo or backbone_repo)
    _require_finite(source, _load(source, info))
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".packing-") as scratch:
        folder = Path(scratch) / target.name
        folder.mkdir()
        shutil.copyfile(source / WEIGHTS_FILE, folder / WEIGHTS_FILE)
        write_checkpoint_info(folder, info)
        _copy_adapter(source / ADAPTER, folder / ADAPTER)
        card = model_card(info, license_name=license_name)
        (folder / CARD_FILE).write_text(card, encoding="utf-8")
        _load(folder, info)
        folder.rename(target)
    return info


def model_card(info: CheckpointInfo, *, license_name: str) -> str:
    """Return a page that says what a checkpoint is and how it is used, with the hub's header."""
    config = info.config
    base = f"base_model: {info.backbone_repo}\n" if info.backbone_repo else ""
    queries = " + ".join(map(str, config.num_queries))
    scales = ", ".join(map(str, config.scales))
    revision = info.backbone_revision or "an unknown commit"
    return f"""---
library_name: linvt
pipeline_tag: video-text-to-text
license: {license_name.lower()}
{base}tags: [linvt]
---

# LinVT for {info.backbone}

A Linear Video Tokenizer (arXiv 2412.05185): it condenses the visual tokens of a video for the
image-LLM `{info.backbone}`, with which it was trained.

    linvt ask clip.mp4 "What happens?" --model {info.backbone} --checkpoint hub:OWNER/NAME

| | |
|---|---|
| backbone | {info.backbone_repo or info.backbone} at {revision} |
| embedding width | {config.embed_dim} |
| video tokens | {queries} = {config.num_video_tokens}, at scales {scales} |
| kept visual tokens | {config.num_kept} |
| positions | {config.position_layout} |

## Training

```json
{json.dumps(info.training, indent=2, ensure_ascii=False)}
```
"""


def _load(folder: Path, info: CheckpointInfo) -> LinearVideoTokenizer:
    return load_checkpoint(
        folder,
        backbone_name=info.backbone,
        embed_dim=info.config.embed_dim,
        device=torch.device("cpu"),
        dtype=torch.float32,
    )


def _require_finite(source: Path, module: LinearVideoTokenizer) -> None:
    bad = [name for name, tensor in module.state_dict().items() if not tensor.isfinite().all()]
    if bad:
        raise CheckpointCorruptError(
            f"'{source}' has weights that are no numbers: {bad[0]}", hint="train it again"
        )


def _copy_adapter(source: Path, target: Path) -> None:
    if not source.exists():
        return
    missing = [name for name in ADAPTER_FILES if not (source / name).is_file()]
    if missing:
        raise CheckpointCorruptError(
            f"'{source}' lacks '{missing[0]}'", hint="save it with PEFT, as safetensors"
        )
    target.mkdir()
    for name in ADAPTER_FILES:
        shutil.copyfile(source / name, target / name)
