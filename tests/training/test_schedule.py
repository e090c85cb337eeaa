from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from linvt_cli.training.schedule import BLINK_PHASE, USUAL, schedule
from linvt_cli.training.vocabulary import ACTIONS, ARRIVALS, DEPARTURES

PLANS = [
    (num_things, schedule(num_things, np.random.default_rng([num_things, seed])))
    for num_things in (1, 2, 3, 4)
    for seed in range(150)
]


def test_events_come_one_after_another_inside_the_clip() -> None:
    for _, slots in PLANS:
        assert USUAL.events[0] <= len(slots) <= USUAL.events[1]
        assert slots[0].start >= 0.05
        assert slots[-1].end <= 0.95 + 1e-9
        assert all(earlier.end < later.start for earlier, later in pairwise(slots))


def test_a_thing_arrives_before_all_else_and_leaves_after_all_else() -> None:
    for num_things, slots in PLANS:
        for thing in range(num_things):
            actions = [slot.action for slot in slots if slot.thing == thing]
            assert len(actions) == len(set(actions)) <= 2
            assert all(action not in ARRIVALS for action in actions[1:])
            assert all(action not in DEPARTURES for action in actions[:-1])


@pytest.mark.parametrize("action", ACTIONS)
def test_events_last_long_enough_to_be_seen_in_16_frames(action: str) -> None:
    slots = [slot for _, plan in PLANS for slot in plan if slot.action == action]
    assert len(slots) > 20
    lengths = [slot.end - slot.start for slot in slots]
    if action in ("appears", "disappears"):
        assert lengths == [0.0] * len(slots)
    elif action == "blinks":
        assert min(lengths) / 3 >= BLINK_PHASE - 1e-9
    else:
        assert min(lengths) >= 0.17 - 1e-9
