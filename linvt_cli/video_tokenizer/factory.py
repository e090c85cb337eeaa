"""Video tokenizers by name."""

from __future__ import annotations

from pathlib import Path

import torch

from linvt_cli.errors import ConfigError
from linvt_cli.types import TokenizerName
from linvt_cli.video_tokenizer.base import VideoTokenizer
from linvt_cli.video_tokenizer.baselines import AllTokenizer, MeanTokenizer
from linvt_cli.video_tokenizer.checkpoint import load_checkpoint
from linvt_cli.video_tokenizer.cluster import ClusterTokenizer


def make_tokenizer(
    name: TokenizerName,
    *,
    num_video_tokens: int,
    checkpoint: Path | None,
    backbone_name: str,
    embed_dim: int,
    device: torch.device,
    dtype: torch.dtype,
    backbone_revision: str | None = None,
) -> VideoTokenizer:
    """Build the video tokenizer that users call ``name``.

    Args:
        name: One of the tokenizers of ``TokenizerName``.
        num_video_tokens: K of ``cluster`` and ``mean``; a checkpoint sets its own.
        checkpoint: Folder of LinVT weights, needed by ``linvt`` alone.
        backbone_name: The backbone whose tokens it gets.
        embed_dim: D of that backbone.
        device: Where weights go.
        dtype: What weights are turned into.
        backbone_revision: Of that backbone's weights: the same ones may have another name.

    Raises:
        ConfigError: ``linvt`` was asked for without a checkpoint, or no tokenizer has the name.
        CheckpointError: The checkpoint cannot be used with the backbone.
    """
    match name:
        case "mean":
            return MeanTokenizer(num_video_tokens)
        case "cluster":
            return ClusterTokenizer(num_video_tokens)
        case "all":
            return AllTokenizer()
        case "linvt" if checkpoint is not None:
            return load_checkpoint(
                checkpoint,
                backbone_name=backbone_name,
                embed_dim=embed_dim,
                device=device,
                dtype=dtype,
                backbone_revision=backbone_revision,
            )
        case "linvt":
            raise ConfigError(
                f"Tokenizer 'linvt' needs LinVT weights for backbone '{backbone_name}'",
                field="tokenizer",
                hint="name a checkpoint, or use --tokenizer cluster, which needs none",
            )
        case _:
            raise ConfigError(
                f"Unknown tokenizer '{name}'. Available: linvt, cluster, mean, all",
                field="tokenizer",
                hint="leave out --tokenizer for the model's best",
            )
