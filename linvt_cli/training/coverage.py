"""The coverage loss: every thing that a frame shows must have a video token of its own.

Answers say which tokens LinVT should have taken, but only through all of the language model, and
only about what was asked. The drawn world knows where its things are, so LinVT is told directly: in
every frame, each thing should have a token that shows it and little else. A thing that is hidden
for a moment should have one on the place that it has left: without, nothing tells that it is gone
from that no token happens to show it. Where there are fewer tokens than all that takes, only things
that do something need one, while they do it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from linvt_cli.training.examples import ClipBank, Scene
from linvt_cli.training.features import box_cover, frame_fractions
from linvt_cli.training.schedule import MAX_THINGS
from linvt_cli.training.stage import Placement
from linvt_cli.training.vocabulary import Action
from linvt_cli.training.world import Clip, state_at

Array = np.ndarray[Any, Any]

_FULL = 0.5  # share of a cell from which on it shows a thing as well as any
_IN_SIGHT = 0.5  # how well the best cell of a frame must show a thing that has to be covered
_SHOWN = 0.6  # share of a token's weight that makes it a token of a thing
_LEAST = 1e-3  # keeps the logarithm finite
_NEARBY = 0.01
_AROUND = 1.5  # frames before and after an event that tell what it changed
_ON_THE_SPOT: frozenset[Action] = frozenset({"blinks", "appears", "disappears"})


def shown_cells(bank: ClipBank, scenes: Sequence[Scene]) -> Tensor:
    """How well every cell of scenes shows every thing: (B, T, MAX_THINGS, N) in [0, 1]."""
    return cells_that_show(torch.from_numpy(np.stack([places(bank, scene) for scene in scenes])))


def places(bank: ClipBank, scene: Scene) -> Array:
    """Which share of every cell each thing covers, or would where it is hidden for a moment.

    Returns:
        (T, MAX_THINGS, N) in 255ths. The place of a hidden thing counts while it blinks, just
        before it appears and just after it disappears, and where nothing else covers it.
    """
    cover = bank.cover(scene)
    if scene.clip is None:
        return cover
    covered_TN = cover.max(axis=1) > 0
    cover = cover.copy()
    for frame, thing, placed in _vacated(scene.clip, bank.num_frames):
        box_N = box_cover(scene.clip, placed, math.isqrt(bank.num_cells))
        cover[frame, thing] = np.where(covered_TN[frame], 0, box_N)
    return cover


def _vacated(clip: Clip, num_frames: int) -> Iterator[tuple[int, int, Placement]]:
    """Yield the frames in which a thing is hidden for a moment, which one it is, and its place."""
    around = _AROUND / num_frames
    for event in clip.events:
        if event.action not in _ON_THE_SPOT:
            continue
        for frame, now in enumerate(frame_fractions(num_frames).tolist()):
            if event.start - around <= now < event.end + around:
                placed = state_at(clip, event.thing, now)
                if not placed.visible:
                    yield frame, event.thing, placed


def cells_that_show(cover_BTAN: Tensor) -> Tensor:
    """How well cells show things that cover a share of them, in 255ths: the same shape, [0, 1]."""
    return (cover_BTAN.float() / (255 * _FULL)).clamp(max=1.0)


@dataclass(frozen=True, slots=True)
class TokenShares:
    """What the weight of every video token lies on; shares in [0, 1]."""

    things: Tensor  # (B, K, T, A), cells that show a thing in a frame
    frames: Tensor  # (B, K, T), any cells of a frame


def token_shares(weights_BKk: Tensor, indices_Bk: Tensor, shown_BTAN: Tensor) -> TokenShares:
    """How much of each video token shows which frame, and which thing of it.

    Args:
        weights_BKk: LinVT's weights of the tokens that it kept.
        indices_Bk: which of the T·N source tokens those are.
        shown_BTAN: as ``shown_cells`` gives it.
    """
    _, num_frames, num_things, num_cells = shown_BTAN.shape
    cells_BSA = shown_BTAN.transpose(2, 3).flatten(1, 2)
    kept_BkA = cells_BSA.gather(1, indices_Bk[..., None].expand(-1, -1, num_things))
    frames_BkT = F.one_hot(indices_Bk // num_cells, num_frames).to(kept_BkA)
    places_BkTA = frames_BkT[..., None] * kept_BkA[:, :, None]
    shares_BKS = weights_BKk @ places_BkTA.flatten(2)
    return TokenShares(
        things=shares_BKS.view(*shares_BKS.shape[:2], num_frames, num_things),
        frames=weights_BKk @ frames_BkT,
    )


def things_in_sight(shown_BTAN: Tensor) -> Tensor:
    """Which things have to be covered in which frames: (B, T, A) bool."""
    return shown_BTAN.amax(dim=-1) >= _IN_SIGHT


def things_to_cover(clip: Clip | None, num_frames: int, num_tokens: int) -> np.ndarray:
    """Which things need a token in which frame, where they are in sight: (T, MAX_THINGS) bool.

    Args:
        clip: what is shown; None is a foreign clip, which has no things.
        num_frames: T.
        num_tokens: K. Where it does not suffice for all things, those that act go first.
    """
    if clip is None or num_tokens >= num_frames * len(clip.things):
        return np.ones((num_frames, MAX_THINGS), bool)
    acting = np.zeros((num_frames, MAX_THINGS), bool)
    around = _AROUND / num_frames
    fractions = frame_fractions(num_frames)
    for event in clip.events:
        acting[:, event.thing] |= abs(fractions - (event.start + event.end) / 2) <= (
            (event.end - event.start) / 2 + around
        )
    return acting


def coverage_loss(shares: TokenShares, in_sight_BTA: Tensor) -> Tensor:
    """Negative logarithm of how much of its own token each thing in sight has: a scalar.

    0 where no frame shows anything.
    """
    missing = -(own_shares(shares, in_sight_BTA)[in_sight_BTA] + _LEAST).log()
    return missing.sum() / max(1, missing.numel())


def own_shares(shares: TokenShares, in_sight_BTA: Tensor) -> Tensor:
    """How much of the token that is its own shows each thing of each frame: (B, T, A).

    Things in sight get tokens one by one, the best pair first. Were each given the token that is
    best for it, two things could have the same one: half of it each, and neither would get more.
    """
    shares_BTKA = shares.things.transpose(1, 2)
    num_tokens, num_things = shares_BTKA.shape[2:]
    tokens = torch.arange(num_tokens, device=shares_BTKA.device)
    things = torch.arange(num_things, device=shares_BTKA.device)
    # A thing that no token shows takes one that looks at its frame, though at something else.
    worth = shares_BTKA.detach() + _NEARBY * shares.frames.detach().transpose(1, 2)[..., None]
    worth = worth.masked_fill(~in_sight_BTA[:, :, None], -1.0)
    token_BTA = torch.zeros_like(in_sight_BTA, dtype=torch.long)
    for _ in range(num_things):
        best_BT1 = worth.flatten(2).argmax(dim=-1, keepdim=True)
        is_token_BTK1 = (best_BT1 // num_things == tokens)[..., None]
        is_thing_BT1A = (best_BT1 % num_things == things)[:, :, None]
        pair_BTKA = is_token_BTK1 & is_thing_BT1A & (worth >= 0)  # none where all have theirs
        token_BTA += (tokens[:, None] * pair_BTKA).sum(dim=2)
        worth = worth.masked_fill(is_token_BTK1 | is_thing_BT1A, -1.0)
    return shares_BTKA.gather(2, token_BTA[:, :, None]).squeeze(2)


def tokens_of_things(shares: TokenShares) -> tuple[Tensor, Tensor, Tensor]:
    """Which tokens show one thing of one frame and little else.

    Returns:
        Their rows, counted through all sequences, and the sequence and the thing of each: (R,) of
        each. A foreign clip has no things, so no token shows one.
    """
    num_tokens = shares.things.shape[1]
    of_things_BKTA = shares.things.detach() >= _SHOWN
    sequences, tokens, _, things = of_things_BKTA.nonzero(as_tuple=True)
    return sequences * num_tokens + tokens, sequences, things
