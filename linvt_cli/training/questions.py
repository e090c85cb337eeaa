"""Questions about a clip with their one right answer, and how answers are compared.

Only what the video decides is asked: the place of a thing that is in view, the event right after
another. Kinds with yes and no give both equally often.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from linvt_cli.training.schedule import HARD
from linvt_cli.training.vocabulary import (
    ACTIONS,
    ARRIVALS,
    COLOURS,
    DEPARTURES,
    HEADINGS,
    NUMBER_WORDS,
    ORDINALS,
    PLACES,
    SHAPES,
    SIDES,
    SLIDES,
    Action,
    Direction,
    all_phrases,
    infinitive,
    predicate,
    with_article,
)
from linvt_cli.training.wordings import (
    FOREIGN_ANSWER,
    HARD_WORDINGS,
    OFF_TOPIC_ANSWER,
    OFF_TOPIC_QUESTIONS,
    WORDINGS,
)
from linvt_cli.training.world import Clip, Event, is_held_out, place_name, state_at

Item = TypeVar("Item")

_ALL_WORDINGS = WORDINGS | HARD_WORDINGS
_STAYING_SHARE = 0.25
_JUST_INSIDE = 0.02  # of the clip: where "at the start" and "at the end" are looked at


@dataclass(frozen=True, slots=True)
class Question:
    """A question of some kind with its answer."""

    kind: str
    text: str
    answer: str


def ask_about(clip: Clip, rng: np.random.Generator) -> list[Question]:
    """Return questions of every kind that the clip decides, in random wordings."""
    asked = [_ask("describe", "describe", describe(clip), rng)]
    asked += _order(clip, rng)
    asked += _arrivals(clip, rng)
    asked.append(_ask("count", "count", _number(len(clip.things)), rng))
    asked += [_exists(clip, present, rng) for present in (True, False)]
    for index in range(len(clip.things)):
        asked += _about_thing(clip, index, rng)
    asked += _yes_or_no(clip, rng)
    if clip.difficulty == HARD:
        asked += _numbered(clip, rng)
    return asked


def describe(clip: Clip) -> str:
    """Tell all events in order, as one sentence."""
    return f"{_capital(', then '.join(_clause(clip, event) for event in clip.events))}."


def sentences(clip: Clip) -> list[str]:
    """Tell every event in a sentence of its own."""
    return [f"{_capital(_clause(clip, event))}." for event in clip.events]


def normalize_answer(text: str) -> str:
    """Return a text without case, punctuation, articles and needless space, to compare it."""
    words = re.sub(r"[^\w\s]", " ", text.lower()).split()
    return " ".join(word for word in words if word not in {"a", "an", "the"})


def off_topic_question(rng: np.random.Generator) -> str:
    """Return a question that no video of the world answers."""
    return OFF_TOPIC_QUESTIONS[int(rng.integers(len(OFF_TOPIC_QUESTIONS)))]


def place_answer(x: float, y: float) -> str:
    """Say where a position is."""
    name = place_name(x, y)
    if name == "middle":
        return "In the middle."
    return f"On the {name}." if name in ("left", "right") else f"At the {name}."


def all_texts() -> Iterator[str]:
    """Yield every wording and form of answer with every thing, to train a text tokenizer on."""
    events = [
        predicate(action, direction)
        for action in ACTIONS
        for direction in (_directions(action) or (None,))
    ]
    for phrase in all_phrases():
        clauses = [f"the {phrase} {event}" for event in events]
        yield _capital(", then ".join(clauses)) + "."
        yield from (
            wording.format(
                thing=phrase,
                a_thing=with_article(phrase),
                event=f"{phrase} {events[i % len(events)]}",
                shape=SHAPES[i % len(SHAPES)],
                verb=infinitive(ACTIONS[i % len(ACTIONS)], "left"),
            )
            for wordings in WORDINGS.values()
            for i, wording in enumerate(wordings)
        )
        yield f"There is {with_article(phrase)}, {with_article(phrase)} and {with_article(phrase)}."
    yield from (place_answer((c + 0.5) / 3, (r + 0.5) / 3) for r in range(3) for c in range(3))
    yield from (f"{word.capitalize()}." for word in (*NUMBER_WORDS, *COLOURS, "yes", "no"))
    yield from (f"From the {side}. To the {side}. {side.capitalize()}." for side in SIDES)
    yield from (f"{heading.capitalize()}." for heading in HEADINGS)
    yield from (FOREIGN_ANSWER, OFF_TOPIC_ANSWER, *OFF_TOPIC_QUESTIONS)
    yield from (place for row in PLACES for place in row)


def _order(clip: Clip, rng: np.random.Generator) -> Iterator[Question]:
    told = sentences(clip)
    yield _ask("first", "first", told[0], rng)
    yield _ask("last", "last", told[-1], rng)
    for earlier in range(len(clip.events) - 1):
        clauses = [_clause(clip, event).removeprefix("the ") for event in clip.events]
        yield _ask("after", "after", told[earlier + 1], rng, event=clauses[earlier])
        yield _ask("before", "before", told[earlier], rng, event=clauses[earlier + 1])


def _numbered(clip: Clip, rng: np.random.Generator) -> Iterator[Question]:
    """Ask how many events there are, and for one in the middle by its number."""
    yield _ask("events", "events", _number(len(clip.events)), rng)
    if len(clip.events) > 2:
        index = int(rng.integers(1, len(clip.events) - 1))
        yield _ask("nth", "nth", sentences(clip)[index], rng, nth=ORDINALS[index])


def _number(count: int) -> str:
    return f"{NUMBER_WORDS[count].capitalize()}."


def _arrivals(clip: Clip, rng: np.random.Generator) -> Iterator[Question]:
    arrivals = [event for event in clip.events if event.action in ARRIVALS]
    # A thing that blinks comes into view as well, one may say.
    if arrivals and all(event.action != "blinks" for event in clip.events):
        first, last = (f"The {clip.things[arrivals[i].thing].phrase}." for i in (0, -1))
        yield _ask("arrives", "arrives first", first, rng)
        yield _ask("arrives", "arrives last", last, rng)


def _about_thing(clip: Clip, index: int, rng: np.random.Generator) -> Iterator[Question]:
    thing = clip.things[index]
    events = [event for event in clip.events if event.thing == index]
    for event in events:
        if event.direction is not None:
            wording = f"direction {event.action}"
            yield _ask("direction", wording, _heading(event), rng, thing=thing.phrase)
    if len(events) == 1:
        answer = f"It {predicate(events[0].action, events[0].direction)}."
        yield _ask("action", "action", answer, rng, thing=thing.phrase)
    if thing.colour and sum(other.name == thing.name for other in clip.things) == 1:
        yield _ask("colour", "colour", f"{thing.colour.capitalize()}.", rng, shape=thing.name)
    for when, fraction in (("start", _JUST_INSIDE), ("end", 1 - _JUST_INSIDE)):
        placed = state_at(clip, index, fraction)
        if placed.visible and 0 < placed.x < 1 and 0 < placed.y < 1:
            answer = place_answer(placed.x, placed.y)
            yield _ask("place", f"place {when}", answer, rng, thing=thing.phrase)


def _yes_or_no(clip: Clip, rng: np.random.Generator) -> Iterator[Question]:
    """Ask whether a thing goes away, and whether it does something, fairly balanced."""
    going = {event.thing for event in clip.events if event.action in DEPARTURES}
    staying = [index for index in range(len(clip.things)) if index not in going]
    # Most clips lose nothing: asked of all of them, nearly every answer would be no.
    if going or rng.random() < _STAYING_SHARE:
        pool, answer = _pick(
            [pair for pair in ((sorted(going), "Yes."), (staying, "No.")) if pair[0]], rng
        )
        yield _ask("leaves", "leaves", answer, rng, thing=clip.things[_pick(pool, rng)].phrase)
    event = clip.events[int(rng.integers(len(clip.events)))]
    yield _does(clip, event.thing, event.action, event.direction, "Yes.", rng)
    index = int(rng.integers(len(clip.things)))
    done = {e.action for e in clip.events if e.thing == index}
    if others := _other_actions(clip, index, done):
        other = _pick(others, rng)
        heading: Direction | None = _pick(HEADINGS, rng) if other == "moves" else None
        yield _does(clip, index, other, heading, "No.", rng)


def _other_actions(clip: Clip, index: int, done: set[Action]) -> list[Action]:
    """What a thing clearly does not do; in training, a held-out combination is not denied."""
    thing = clip.things[index]
    return [
        action
        for action in ACTIONS
        if action not in _alike(done) and (clip.split == "test" or not is_held_out(thing, action))
    ]


def _alike(done: set[Action]) -> set[Action]:
    """What one might also call what a thing has done: leaving is disappearing, to some."""
    alike = set(done)
    blinks: frozenset[Action] = frozenset({"blinks"})
    for group in (ARRIVALS | blinks, DEPARTURES | blinks, SLIDES):
        if done & group:
            alike |= group
    return alike


def _does(
    clip: Clip,
    index: int,
    action: Action,
    direction: Direction | None,
    answer: str,
    rng: np.random.Generator,
) -> Question:
    verb = infinitive(action, direction)
    return _ask("does", "does", answer, rng, thing=clip.things[index].phrase, verb=verb)


def _exists(clip: Clip, present: bool, rng: np.random.Generator) -> Question:
    held = [thing.phrase for thing in clip.things]
    if present:
        return _ask("exists", "exists", "Yes.", rng, a_thing=with_article(_pick(held, rng)))
    phrase = _pick([phrase for phrase in all_phrases() if phrase not in held], rng)
    return _ask("exists", "exists", "No.", rng, a_thing=with_article(phrase))


def _clause(clip: Clip, event: Event) -> str:
    return f"the {clip.things[event.thing].phrase} {predicate(event.action, event.direction)}"


def _heading(event: Event) -> str:
    if event.action == "moves":
        return f"{_capital(str(event.direction))}."
    return f"{'From' if event.action == 'enters' else 'To'} the {event.direction}."


def _directions(action: Action) -> tuple[Direction, ...]:
    if action == "moves":
        return HEADINGS
    return SIDES if action in SLIDES else ()


def _ask(kind: str, wording: str, answer: str, rng: np.random.Generator, **words: str) -> Question:
    return Question(kind, _pick(_ALL_WORDINGS[wording], rng).format(**words), answer)


def _pick(items: Sequence[Item], rng: np.random.Generator) -> Item:
    return items[int(rng.integers(len(items)))]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
