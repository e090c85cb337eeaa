from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from linvt_cli.training.tuning.plan import BatchPlan


@given(st.integers(1, 60), st.integers(1, 9), st.integers(0, 3))
def test_an_epoch_holds_each_sample_once_but_for_what_fills_no_batch(count, size, epoch):
    plan = BatchPlan(range(count), batch_size=size, seed=1)
    first = epoch * plan.batches_per_epoch
    batches = [plan[first + number] for number in range(plan.batches_per_epoch)]
    assert all(len(batch) == size for batch in batches)
    seen = [sample for batch in batches for sample in batch]
    if count >= size:
        assert len(set(seen)) == len(seen) == count // size * size
    else:
        assert set(seen) == set(range(count))


def test_every_epoch_has_an_order_of_its_own():
    plan = BatchPlan([1] * 40, batch_size=4, seed=0)
    epochs = [[plan[10 * epoch + number] for number in range(10)] for epoch in range(3)]
    assert epochs[0] != epochs[1] != epochs[2]


def test_a_batch_follows_from_seed_and_number_alone():
    lengths = list(range(30))
    forwards = BatchPlan(lengths, batch_size=4, seed=5)
    backwards = BatchPlan(lengths, batch_size=4, seed=5)
    assert [forwards[n] for n in range(20)] == [backwards[n] for n in reversed(range(20))][::-1]
    other = BatchPlan(lengths, batch_size=4, seed=6)
    assert [forwards[n] for n in range(20)] != [other[n] for n in range(20)]


def test_like_lengths_stand_together():
    lengths = np.random.default_rng(0).integers(1, 1000, 400)
    plan = BatchPlan(lengths.tolist(), batch_size=4, seed=0)
    spreads = [np.ptp(lengths[list(plan[number])]) for number in range(100)]
    assert np.mean(spreads) < 50


def test_two_processes_read_what_one_reads_with_twice_the_batches():
    plan = BatchPlan([1] * 64, batch_size=4, seed=0)
    for step in range(5):
        alone = plan.of_step(step, accumulate=4)
        shared = [plan.of_step(step, accumulate=2, rank=rank, world=2) for rank in range(2)]
        assert sorted(alone) == sorted([*shared[0], *shared[1]])
