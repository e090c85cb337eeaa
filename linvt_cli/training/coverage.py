"""The coverage loss: every thing that a frame shows must be shown by a video token too.

Answers say which tokens LinVT should have taken, but only through all of the language model, and
only about what was asked. The drawn world knows where its things are, so LinVT is told directly: in
every frame, the token that shows a thing best should show little else.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from linvt_cli.training.examples import ClipBank, Scene
from linvt_cli.training.naming import ShownThing

_FULL = 0.5  # share of a cell from which on it shows a thing as well as any
_IN_SIGHT = 0.5  # how well the best cell of a frame must show a thing that has to be covered
_SHOWN = 0.6  # share of a token's weight that makes it a token of a thing
_LEAST = 1e-3


def shown_cells(bank: ClipBank, scenes: Sequence[Scene]) -> Tensor:
    """How well every cell shows every thing: (B, T, MAX_THINGS, N) in [0, 1]."""
    cover = np.stack([bank.cover(scene) for scene in scenes])
    return (torch.from_numpy(cover).float() / (255 * _FULL)).clamp(max=1.0)


def thing_shares(weights_BKk: Tensor, indices_Bk: Tensor, shown_BTAN: Tensor) -> Tensor:
    """How much of each video token shows which thing of which frame: (B, K, T, A) in [0, 1].

    Args:
        weights_BKk: LinVT's weights of the tokens that it kept.
        indices_Bk: which of the T·N source tokens those are.
        shown_BTAN: as ``shown_cells`` gives it.
    """
    _, num_frames, num_things, num_cells = shown_BTAN.shape
    frames_Bk = indices_Bk // num_cells
    cells_BSA = shown_BTAN.transpose(2, 3).flatten(1, 2)
    kept_BkA = cells_BSA.gather(1, indices_Bk[..., None].expand(-1, -1, num_things))
    frames_BkT = F.one_hot(frames_Bk, num_frames).to(kept_BkA)
    places_BkTA = frames_BkT[..., None] * kept_BkA[:, :, None]
    shares_BKS = weights_BKk @ places_BkTA.flatten(2)
    return shares_BKS.view(*shares_BKS.shape[:2], num_frames, num_things)


def coverage_loss(shares_BKTA: Tensor, shown_BTAN: Tensor) -> Tensor:
    """Negative logarithm of the best token's share, over all things in sight: a scalar.

    0 where no frame shows anything.
    """
    best_BTA = shares_BKTA.amax(dim=1)
    in_sight_BTA = shown_BTAN.amax(dim=-1) >= _IN_SIGHT
    missing = -best_BTA[in_sight_BTA].clamp(min=_LEAST).log()
    return missing.sum() / max(1, missing.numel())


def tokens_of_things(shares_BKTA: Tensor, scenes: Sequence[Scene]) -> list[ShownThing]:
    """Which tokens show one thing of one frame and little else; rows count through all sequences.

    Args:
        shares_BKTA: as ``thing_shares`` gives it.
        scenes: what each of the B sequences shows.
    """
    num_tokens = shares_BKTA.shape[1]
    of_things_BKTA = shares_BKTA.detach() >= _SHOWN
    shown = []
    for sequence, token, frame, thing in of_things_BKTA.nonzero().tolist():
        clip = scenes[sequence].clip
        if clip is not None:
            shown.append(ShownThing(sequence * num_tokens + token, clip, thing, frame))
    return shown
