"""Nano's synthetic world: clips of a few named things that do simple things one after another.

A clip is drawn from its seed and split alone. This module decides what is where and when; drawing
is left to ``render``, words to ``questions``.

Times are fractions of the clip in [0, 1]. Positions are fractions of the frame's width and height,
sizes are fractions of its short side. Every event is long enough to be seen in 16 frames taken at
the centres of 16 equal parts of the clip, of a hard clip in 64; ``schedule`` holds the lengths.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from hashlib import blake2s

import numpy as np

from linvt_cli.training.schedule import USUAL, Difficulty, schedule
from linvt_cli.training.stage import Placement, Track, lay_tracks
from linvt_cli.training.vocabulary import (
    COLOURS,
    PLACES,
    RGB,
    SHAPES,
    SPLITS,
    Action,
    Direction,
    Split,
    sprite_colours,
    sprite_names,
)

_SIZES = ((320, 240), (480, 270), (640, 360), (360, 640), (320, 320), (424, 240), (240, 320))
_MIN_FRAMES = 60
_SPRITE_SHARE = 0.65
_SHAPE_CONTRAST, _SPRITE_CONTRAST = 110.0, 60.0  # Euclidean, in RGB
_BACKGROUNDS = ("plain", "plain", "gradient", "stripes", "checks", "dots", "clouds", "grain")
_BACKWARDS: dict[Action, Action] = {
    "enters": "leaves",
    "leaves": "enters",
    "moves": "moves",
    "grows": "shrinks",
    "shrinks": "grows",
    "blinks": "blinks",
    "appears": "disappears",
    "disappears": "appears",
}
_OPPOSITE: dict[Direction, Direction] = {
    "left": "right",
    "right": "left",
    "up": "down",
    "down": "up",
}


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that a clip holds: a sprite, or a plain shape with a colour."""

    name: str
    colour: str | None = None

    @property
    def phrase(self) -> str:
        """How it is called: "dog", "red circle"."""
        return self.name if self.colour is None else f"{self.colour} {self.name}"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing doing something; times are fractions of the clip, equal for a sudden event."""

    thing: int
    action: Action
    start: float
    end: float
    direction: Direction | None = None


@dataclass(frozen=True, slots=True)
class Background:
    """What is behind the things; ``seed`` decides the details of a texture."""

    kind: str
    colours: tuple[RGB, RGB]
    seed: int


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip of nano's world before it is drawn."""

    things: tuple[Thing, ...]
    events: tuple[Event, ...]  # in order of time
    tracks: tuple[Track, ...]  # one for each thing
    background: Background
    duration: float  # s
    fps: int
    width: int  # px
    height: int
    seed: int
    split: Split
    difficulty: Difficulty = USUAL


def make_clip(seed: int, split: Split, difficulty: Difficulty = USUAL) -> Clip:
    """Draw a clip: the same for the same seed, split and difficulty, another for any other."""
    rng = np.random.default_rng([SPLITS.index(split), seed, 20_412, *difficulty.seed])
    width, height = _SIZES[int(rng.integers(len(_SIZES)))]
    # Drawn once, or clips with many things were rare: those collide more often.
    num_things = None if difficulty == USUAL else _num_things(difficulty, rng)
    while True:
        clip = _draft(rng, seed, split, difficulty, width, height, num_things)
        if clip is None:
            continue
        held_out = any(is_held_out(clip.things[e.thing], e.action) for e in clip.events)
        if held_out == (split == "test"):
            return clip


@cache
def is_held_out(thing: Thing, action: Action) -> bool:
    """Tell whether training never shows this thing doing this: about one pair in ten."""
    digest = blake2s(f"{thing.phrase}/{action}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") % 10 == 0


def state_at(clip: Clip, thing: int, fraction: float) -> Placement:
    """Where a thing of the clip is at a fraction of its time."""
    return clip.tracks[thing].at(fraction)


def in_view(clip: Clip, thing: int, fraction: float) -> bool:
    """Tell whether the middle of a thing can be seen at a fraction of the clip's time."""
    placed = state_at(clip, thing, fraction)
    return placed.visible and 0 < placed.x < 1 and 0 < placed.y < 1


def size_in_square(clip: Clip, size: float) -> float:
    """How large a thing is once the frame is pressed into a square: root of area over its side."""
    return size * min(clip.width, clip.height) / math.sqrt(clip.width * clip.height)


def place_name(x: float, y: float) -> str:
    """Name the place of the 3 x 3 grid nearest to a position."""
    row, column = (min(2, max(0, int(value * 3))) for value in (y, x))
    return PLACES[row][column]


def play_backwards(clip: Clip) -> Clip | None:
    """Return the clip as it looks backwards, or None where that is held out from training."""
    events = tuple(
        Event(
            e.thing,
            _BACKWARDS[e.action],
            1 - e.end,
            1 - e.start,
            _OPPOSITE.get(e.direction) if e.action == "moves" and e.direction else e.direction,
        )
        for e in reversed(clip.events)
    )
    if clip.split != "test" and any(is_held_out(clip.things[e.thing], e.action) for e in events):
        return None
    return replace(clip, events=events, tracks=tuple(t.backwards() for t in clip.tracks))


def _draft(
    rng: np.random.Generator,
    seed: int,
    split: Split,
    difficulty: Difficulty,
    width: int,
    height: int,
    num_things: int | None,
) -> Clip | None:
    things = _things(num_things or _num_things(difficulty, rng), rng)
    slots = schedule(len(things), rng, difficulty)
    staged = lay_tracks(slots, len(things), width / height, rng, difficulty.pace)
    if staged is None:
        return None
    tracks, directions = staged
    slowest, fastest = difficulty.frame_rates
    return Clip(
        things=things,
        events=tuple(
            Event(s.thing, s.action, s.start, s.end, direction)
            for s, direction in zip(slots, directions, strict=True)
        ),
        tracks=tuple(tracks),
        background=_background(things, rng),
        duration=(duration := float(np.round(rng.uniform(*difficulty.seconds), 1))),
        # A short clip needs a high rate, or its blinks fall between two frames.
        fps=max(int(rng.integers(slowest, fastest + 1)), math.ceil(_MIN_FRAMES / duration)),
        width=width,
        height=height,
        seed=seed,
        split=split,
        difficulty=difficulty,
    )


def _num_things(difficulty: Difficulty, rng: np.random.Generator) -> int:
    fewest, most = difficulty.things
    return int(rng.integers(fewest, most + 1))


def _things(count: int, rng: np.random.Generator) -> tuple[Thing, ...]:
    things: list[Thing] = []
    while len(things) < count:
        if rng.random() < _SPRITE_SHARE:
            thing = Thing(sprite_names()[int(rng.integers(len(sprite_names())))])
        else:
            colour = list(COLOURS)[int(rng.integers(len(COLOURS)))]
            thing = Thing(SHAPES[int(rng.integers(len(SHAPES)))], colour)
        if thing not in things:
            things.append(thing)
    return tuple(things)


def _background(things: tuple[Thing, ...], rng: np.random.Generator) -> Background:
    """Draw a background that every thing stands out from."""
    shown = np.array(
        [COLOURS[t.colour] if t.colour else sprite_colours()[t.name] for t in things], float
    )
    needed = np.array([_SHAPE_CONTRAST if t.colour else _SPRITE_CONTRAST for t in things], float)
    while True:
        first = rng.integers(20, 236, 3)
        second = np.clip(first + rng.integers(-40, 41, 3), 0, 255)
        ends = np.stack([first, second]).astype(float)
        distance = np.linalg.norm(shown[:, None] - ends[None], axis=-1).min(axis=1)
        if (distance >= needed).all():
            kind = _BACKGROUNDS[int(rng.integers(len(_BACKGROUNDS)))]
            return Background(kind, (_rgb(first), _rgb(second)), int(rng.integers(2**31)))
        needed *= 0.995  # four colours can leave little room


def _rgb(values: np.ndarray) -> RGB:
    red, green, blue = (int(value) for value in values)
    return red, green, blue
