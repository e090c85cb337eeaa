"""What the image stage shows: whole stills, and storyboards of thinned stills.

An image-LLM that takes several pictures can be asked what changes between them. Nano learns this on
storyboards: a few visual tokens from each of a clip's stills, in time order. Which tokens is drawn
at random, most of them showing a thing, some blended as LinVT will blend them, so that the language
model reads any such selection. No clip is condensed by a model here; that is LinVT's part, later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Selection:
    """Where K tokens come from: each a blend of two source tokens of one clip."""

    first: Array  # (K,) source token, frame · N + cell
    second: Array  # (K,)
    share: Array  # (K,) in [0, 1], weight of the first


def whole_still(frame: int, num_cells: int) -> Selection:
    """Select every visual token of one frame, unblended."""
    sources = frame * num_cells + np.arange(num_cells)
    return Selection(sources, sources, np.ones(num_cells))


def storyboard(
    cover: Array, num_things: int, num_tokens: int, rng: np.random.Generator
) -> Selection:
    """Select tokens over all stills of a clip.

    Args:
        cover: (T, MAX_THINGS, N) share of each cell that each thing covers, in any unit.
        num_things: how many things the clip has; 0 where nothing is known of it.
        num_tokens: K.
        rng: source of all choices.
    """
    num_frames, _, num_cells = cover.shape
    frames = np.floor((np.arange(num_tokens) + 0.5) * num_frames / num_tokens).astype(int)
    blended = np.where(rng.random(num_tokens) < 0.35, rng.uniform(0.5, 1.0, num_tokens), 1.0)
    first = np.empty(num_tokens, int)
    second = np.empty(num_tokens, int)
    for frame in range(num_frames):
        slots = np.flatnonzero(frames == frame)
        cells = _cells(cover[frame, :num_things], len(slots), rng)
        partners = _partners(cover[frame, :num_things], cells, rng)
        first[slots] = frame * num_cells + cells
        second[slots] = frame * num_cells + partners
    nearby = rng.random(num_tokens) < 0.1  # a neighbouring still's token may slip in
    shifted = np.clip(first // num_cells + rng.choice([-1, 1], num_tokens), 0, num_frames - 1)
    second = np.where(nearby, shifted * num_cells + first % num_cells, second)
    return Selection(first, second, blended)


def _cells(cover_AN: Array, count: int, rng: np.random.Generator) -> Array:
    """Draw cells of one still: one for every visible thing, then more of them or anywhere."""
    num_cells = cover_AN.shape[-1]
    visible = [cells for cells in cover_AN if cells.any()]
    order = list(rng.permutation(len(visible)))[:count]
    picked = [_cell_of(visible[thing], rng) for thing in order]
    while len(picked) < count:
        if visible and rng.random() < 0.5:
            picked.append(_cell_of(visible[int(rng.integers(len(visible)))], rng))
        else:
            picked.append(int(rng.integers(num_cells)))
    return rng.permutation(np.array(picked, int))


def _cell_of(cover_N: Array, rng: np.random.Generator) -> int:
    """Draw one cell of a thing, mostly one that it fills well."""
    shares = np.cumsum(cover_N.astype(float) ** 2)
    return int(np.searchsorted(shares, rng.random() * shares[-1], side="right"))


def _partners(cover_AN: Array, cells: Array, rng: np.random.Generator) -> Array:
    """Draw a second cell for each: of the same thing where there is one, else anywhere."""
    partners = rng.integers(cover_AN.shape[-1], size=len(cells))
    for slot, cell in enumerate(cells):
        same = [cover for cover in cover_AN if cover[cell] > 0]
        if same and rng.random() < 0.7:
            partners[slot] = _cell_of(same[0], rng)
    return partners
