"""Who does what, and when: the plan of a clip before anything has a place.

Times are fractions of the clip. Every event is long enough to be seen in 16 frames taken at the
centres of 16 equal parts: a slide or a change of size takes at least 0.17 of the clip, a blink
hides its thing twice for 0.08, and a sudden change has 0.08 of steady view on both sides. Hard
clips take 64 frames, and a quarter of these lengths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linvt_cli.training.vocabulary import ACTIONS, ARRIVALS, DEPARTURES, Action

MAX_THINGS = 6  # of any clip
MAX_EVENTS = 8
BLINK_PHASE = 0.08  # off, on, off
_FIRST_START, _LAST_END, _GAP = 0.05, 0.95, 0.03
_SLOT: dict[Action, float] = {
    "enters": 0.17,
    "leaves": 0.17,
    "moves": 0.17,
    "grows": 0.17,
    "shrinks": 0.17,
    "blinks": 3 * BLINK_PHASE,
    "appears": 0.16,
    "disappears": 0.16,
}
_MIDDLE_ACTIONS: tuple[Action, ...] = ("moves", "grows", "shrinks", "blinks")


@dataclass(frozen=True, slots=True)
class Difficulty:
    """How much a clip holds, and how long it is.

    ``pace`` is how much quicker events pass than in usual clips, by shares of the clip.
    """

    name: str
    num_frames: int  # in which all can be seen, at the centres of as many equal parts
    things: tuple[int, int]  # fewest and most
    events: tuple[int, int]  # fewest and most
    most_each: int  # events of one thing
    pace: float
    seconds: tuple[float, float]
    frame_rates: tuple[int, int]
    seed: tuple[int, ...] = ()  # keeps its clips apart from others


# Busy clips are those usual ones to learn from whose order of events takes the most telling.
USUAL = Difficulty("usual", 16, (1, 4), (1, 4), 2, 1.0, (2, 20), (5, 30))
BUSY = Difficulty("busy", 16, (2, 4), (3, 4), 2, 1.0, (2, 20), (5, 30), seed=(16,))
HARD = Difficulty(
    "hard", 64, (2, MAX_THINGS), (4, MAX_EVENTS), 3, 4.0, (20, 60), (5, 15), seed=(64,)
)


@dataclass(frozen=True, slots=True)
class Slot:
    """One planned event; start and end are equal for a sudden one."""

    thing: int
    action: Action
    start: float
    end: float


def schedule(
    num_things: int, rng: np.random.Generator, difficulty: Difficulty = USUAL
) -> tuple[Slot, ...]:
    """Plan a few events, one after another, consistent for every thing."""
    pace = difficulty.pace
    while True:
        plans = _plans(num_things, rng, difficulty)
        order = _interleave(plans, rng)
        lengths = [_SLOT[action] / pace for _, action in order]
        slack = _LAST_END - _FIRST_START - sum(lengths) - _GAP / pace * (len(order) - 1)
        if slack >= 0:
            return _lay_out(order, lengths, slack, rng, pace)


def _plans(num_things: int, rng: np.random.Generator, difficulty: Difficulty) -> list[list[Action]]:
    """Draw what each thing does: nothing, or a few actions."""
    fewest, most = difficulty.events
    budget = int(rng.integers(fewest, most + 1))
    plans: list[list[Action]] = [[] for _ in range(num_things)]
    while sum(map(len, plans)) < min(budget, difficulty.most_each * num_things):
        thing = int(rng.integers(num_things))
        if len(plans[thing]) == difficulty.most_each:
            continue
        action = ACTIONS[int(rng.integers(len(ACTIONS)))]
        plan = _with_action(plans[thing], action)
        if plan is not None:
            plans[thing] = plan
    return plans


def _with_action(plan: list[Action], action: Action) -> list[Action] | None:
    """Add an action where it makes sense, or return None."""
    if action in plan:
        return None
    if action in ARRIVALS:
        return None if any(old in ARRIVALS for old in plan) else [action, *plan]
    if any(old in DEPARTURES for old in plan):
        return None if action in DEPARTURES else [*plan[:-1], action, plan[-1]]
    return [*plan, action]


def _interleave(plans: list[list[Action]], rng: np.random.Generator) -> list[tuple[int, Action]]:
    """Put all actions in one order that keeps the order of each thing's own."""
    rest = [list(plan) for plan in plans]
    order: list[tuple[int, Action]] = []
    while any(rest):
        thing = int(rng.choice([i for i, plan in enumerate(rest) for _ in plan]))
        order.append((thing, rest[thing].pop(0)))
    return order


def _lay_out(
    order: list[tuple[int, Action]],
    lengths: list[float],
    slack: float,
    rng: np.random.Generator,
    pace: float,
) -> tuple[Slot, ...]:
    """Share the spare time among the events and the pauses around them."""
    shares = rng.dirichlet(np.ones(2 * len(order) + 1)) * slack
    slots = []
    cursor = _FIRST_START + shares[0]
    for i, ((thing, action), length) in enumerate(zip(order, lengths, strict=True)):
        stretch = min(shares[2 * i + 1], 0.12 / pace)
        start, end = cursor, cursor + length + stretch
        if action in ("appears", "disappears"):
            start = end = (start + end) / 2
        slots.append(Slot(thing, action, float(start), float(end)))
        cursor += length + shares[2 * i + 1] + shares[2 * i + 2] + _GAP / pace
    return tuple(slots)
