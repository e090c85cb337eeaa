"""Exact answers over the validation clips."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

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
    return shares_of(exact_by_kind(bank, read))


def shares_of(counts: Mapping[str, tuple[int, int]]) -> dict[str, float]:
    """Return the share of exact answers over all and for each kind, of ``exact_by_kind``."""
    right, total = (sum(column) for column in zip(*counts.values(), strict=True))
    return {"all": right / total, **{kind: exact / n for kind, (exact, n) in counts.items()}}


def exact_by_kind(
    bank: ClipBank,
    read: Callable[[list[Scene]], tuple[Reading, PackedBatch]],
) -> dict[str, tuple[int, int]]:
    """Return for each kind how many questions are answered exactly, and how many there are.

    Answers are read with the true one before them (teacher forcing): one is exact where greedy
    decoding would give it token for token.

    Args:
        bank: the validation clips; each is asked about once.
        read: asks about some scenes, and runs the language model over the questions.
    """
    return count_by_kind(read(scenes) for scenes in scene_groups(bank))


def scene_groups(bank: ClipBank) -> Iterator[list[Scene]]:
    """Yield every clip of a bank once, as many at a time as are read together."""
    scenes = bank.all_scenes()
    for start in range(0, len(scenes), _SCENES_PER_BATCH):
        yield scenes[start : start + _SCENES_PER_BATCH]


def count_by_kind(readings: Iterable[tuple[Reading, PackedBatch]]) -> dict[str, tuple[int, int]]:
    """Return for each kind how many questions are answered exactly, and how many there are."""
    counts: dict[str, tuple[int, int]] = {}
    for reading, batch in readings:
        for kind, (exact, count) in count_exact(batch, reading.logits, reading.labels).items():
            right, total = counts.get(kind, (0, 0))
            counts[kind] = (right + exact, total + count)
    return dict(sorted(counts.items()))
