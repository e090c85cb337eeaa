"""Decides which video tokenizer goes with a backbone, before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from linvt_cli.backbones.registry import BackboneSpec
from linvt_cli.errors import CheckpointError, ConfigError
from linvt_cli.types import TokenizerName

_BUNDLED = "bundled"


@dataclass(frozen=True, slots=True)
class TokenizerChoice:
    """A video tokenizer whose settings fit together."""

    name: TokenizerName
    num_video_tokens: int  # K of ``cluster`` and ``mean``
    checkpoint: Path | None = None  # of ``linvt`` alone
    checkpoint_name: str | None = None  # as users see it: their path, or "bundled"


def choose_tokenizer(
    spec: BackboneSpec,
    *,
    tokenizer: TokenizerName | None,
    checkpoint: Path | None,
    num_video_tokens: int | None,
) -> TokenizerChoice:
    """Fill in what the user left open.

    Args:
        spec: the backbone's row.
        tokenizer: where left out, ``linvt`` if there is a checkpoint for it, else ``cluster``.
        checkpoint: where left out, the one that comes with the backbone.
        num_video_tokens: where left out, the backbone's default.

    Raises:
        ConfigError: if a setting makes no sense with the tokenizer.
        CheckpointError: if ``linvt`` was asked for and there is no checkpoint for it.
    """
    found = checkpoint or spec.linvt
    name = tokenizer or ("cluster" if found is None else "linvt")
    if checkpoint is not None and name != "linvt":
        raise ConfigError(
            f"Tokenizer '{name}' takes no checkpoint",
            field="checkpoint",
            hint="leave out the checkpoint, or use --tokenizer linvt",
        )
    if num_video_tokens is not None:
        _require_free_number(name, num_video_tokens)
    if name == "linvt" and found is None:
        raise CheckpointError(
            f"No LinVT checkpoint comes with backbone '{spec.name}'",
            hint="name one with --checkpoint, or use --tokenizer cluster, which needs none",
        )
    number = num_video_tokens or spec.default_video_tokens
    if name != "linvt":
        return TokenizerChoice(name, number)
    return TokenizerChoice(
        name,
        number,
        checkpoint=found,
        checkpoint_name=_BUNDLED if checkpoint is None else str(checkpoint),
    )


def _require_free_number(name: TokenizerName, num_video_tokens: int) -> None:
    if name not in ("cluster", "mean"):
        raise ConfigError(
            f"The number of video tokens is not free with tokenizer '{name}'",
            field="num_video_tokens",
            hint="use --tokenizer cluster or --tokenizer mean",
        )
    if num_video_tokens < 1:
        raise ConfigError(
            f"At least one video token is needed, not {num_video_tokens}",
            field="num_video_tokens",
            hint="--video-tokens 64",
        )
