"""Which samples each batch holds: a function of the seed and of the batch's number alone.

So a run that is interrupted goes on with the batches that it would have had, and several processes
agree on who reads what without a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

Batch = tuple[int, ...]

_GROUPED = 50  # batches, in which samples of like lengths are put together


class BatchPlan:
    """An endless row of batches, epoch after epoch, each in an order of its own.

    Samples of like lengths stand together, so that little is padding: a random share of the samples
    is sorted, cut into batches, and these are shuffled. What fills no batch is left out of that
    epoch; fewer samples than one batch are repeated in it.

    Args:
        lengths: of all samples, in whatever unit.
        batch_size: samples in a batch.
        seed: of all orders.
    """

    def __init__(self, lengths: Sequence[int], *, batch_size: int, seed: int) -> None:
        if not lengths:
            raise ValueError("There is nothing to plan")
        self._lengths = np.asarray(lengths)
        self._batch_size = batch_size
        self._seed = seed
        self.batches_per_epoch = max(1, len(lengths) // batch_size)
        self._epoch = lru_cache(maxsize=2)(self._draw)

    def __getitem__(self, number: int) -> Batch:
        """Return the samples of a batch, counted from 0 over all epochs."""
        epoch, place = divmod(number, self.batches_per_epoch)
        return self._epoch(epoch)[place]

    def of_step(self, step: int, *, accumulate: int, rank: int = 0, world: int = 1) -> list[Batch]:
        """Return the batches that one of ``world`` processes reads for a step."""
        first = step * accumulate * world + rank
        return [self[first + world * index] for index in range(accumulate)]

    def _draw(self, epoch: int) -> tuple[Batch, ...]:
        rng = np.random.default_rng([self._seed, epoch])
        order = rng.permutation(len(self._lengths))
        if len(order) < self._batch_size:
            order = np.resize(order, self._batch_size)
        size = self._batch_size
        order = order[: self.batches_per_epoch * size]
        for start in range(0, len(order), _GROUPED * size):
            part = order[start : start + _GROUPED * size]
            order[start : start + len(part)] = part[np.argsort(self._lengths[part], kind="stable")]
        batches = order.reshape(-1, size)[rng.permutation(self.batches_per_epoch)]
        return tuple(tuple(map(int, batch)) for batch in batches)
