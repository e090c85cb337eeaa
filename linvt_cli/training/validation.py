"""Exact answers over the validation clips."""

from __future__ import annotations

from collections.abc import Callable

from linvt_cli.training.examples import ClipBank, Scene
from linvt_cli.training.packing import PackedBatch, Reading, count_exact

_SCENES_PER_BATCH = 20


def accuracy_by_kind(
    bank: ClipBank,
    read: Callable[[list[Scene]], tuple[Reading, PackedBatch]],
) -> dict[str, float]:
    """Return the share of exactly answered questions, over all and for each kind.

    Args:
        bank: the validation clips; each is asked about once.
        read: asks about some scenes, and runs the language model over the questions.
    """
    right: dict[str, int] = {}
    total: dict[str, int] = {}
    scenes = bank.all_scenes()
    for start in range(0, len(scenes), _SCENES_PER_BATCH):
        reading, batch = read(scenes[start : start + _SCENES_PER_BATCH])
        for kind, (exact, count) in count_exact(batch, reading.logits, reading.labels).items():
            right[kind] = right.get(kind, 0) + exact
            total[kind] = total.get(kind, 0) + count
    accuracy = {kind: right[kind] / total[kind] for kind in sorted(total)}
    return {"all": sum(right.values()) / max(1, sum(total.values())), **accuracy}
