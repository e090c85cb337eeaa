"""Tries a loaded vision encoder on one small picture: a wrong one answers, and answers nonsense."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from linvt_cli.backbones.loading import HIGHER_DTYPE, is_out_of_memory
from linvt_cli.backbones.snapshot import COMPLETE_HINT
from linvt_cli.errors import BackboneLoadError

_SIDE = 64  # px


def require_working_tower(
    encode: Callable[[np.ndarray[Any, Any]], Tensor], *, folder: Path, dtype: torch.dtype
) -> None:
    """Encode a fixed picture and check that its tokens are finite and tell places apart.

    Args:
        encode: (1, H, W, 3) uint8 -> (1, N, D).
        folder: the checkpoint's, named in messages.
        dtype: in which the encoder computes.

    Raises:
        BackboneLoadError: if the encoder fails or gives tokens that mean nothing.
    """
    try:
        with torch.no_grad():
            tokens_ND = encode(_picture())[0]
    except (RuntimeError, ValueError, TypeError, AssertionError) as error:
        if is_out_of_memory(error):
            raise
        cause = str(error).strip().partition("\n")[0] or type(error).__name__
        raise BackboneLoadError(
            f"The vision encoder in '{folder}' cannot run: {cause}", hint=COMPLETE_HINT
        ) from error
    wrong = int((~tokens_ND.isfinite()).sum())
    if wrong:
        name = str(dtype).removeprefix("torch.")
        raise BackboneLoadError(
            f"The vision encoder in '{folder}' overflows in {name}:"
            f" {wrong} of {tokens_ND.numel()} values are not finite",
            hint=HIGHER_DTYPE.get(dtype, COMPLETE_HINT),
        )
    if torch.equal(tokens_ND, tokens_ND[:1].expand_as(tokens_ND)):
        raise BackboneLoadError(
            f"The vision encoder in '{folder}' sees the same everywhere in a picture:"
            " its weights are damaged",
            hint=COMPLETE_HINT,
        )


def _picture() -> np.ndarray[Any, Any]:
    """Red grows to the right, green downwards, blue is a coarse chequer: no two places alike."""
    row, column = np.mgrid[:_SIDE, :_SIDE]
    chequer = (row // 8 + column // 8) % 2 * (_SIDE - 1)
    picture = np.stack([column, row, chequer], axis=-1) * (255 // (_SIDE - 1))
    return picture[None].astype(np.uint8)
