"""The names in nano's world: things, colours, places, actions, and the words that tell of them."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

Action = Literal["enters", "leaves", "moves", "grows", "shrinks", "blinks", "appears", "disappears"]
Direction = Literal["left", "right", "top", "bottom", "up", "down"]
Split = Literal["train", "validation", "test"]
RGB = tuple[int, int, int]

ACTIONS: tuple[Action, ...] = get_args(Action)
SPLITS: tuple[Split, ...] = get_args(Split)
ARRIVALS: frozenset[Action] = frozenset({"enters", "appears"})
DEPARTURES: frozenset[Action] = frozenset({"leaves", "disappears"})
SLIDES: frozenset[Action] = frozenset({"enters", "leaves", "moves"})

SIDES: tuple[Direction, ...] = ("left", "right", "top", "bottom")
HEADINGS: tuple[Direction, ...] = ("left", "right", "up", "down")

SHAPES = ("circle", "square", "triangle", "star")
COLOURS: dict[str, RGB] = {
    "red": (218, 32, 36),
    "orange": (247, 130, 12),
    "yellow": (250, 218, 36),
    "green": (36, 158, 66),
    "blue": (34, 84, 222),
    "purple": (122, 40, 172),
    "pink": (250, 136, 196),
    "white": (250, 250, 250),
}

# Indexed by row, then column, of the 3 x 3 grid on which things rest.
PLACES = (
    ("top left", "top", "top right"),
    ("left", "middle", "right"),
    ("bottom left", "bottom", "bottom right"),
)
NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight")
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


@cache
def sprite_colours() -> dict[str, RGB]:
    """Name and mean colour of every sprite that is shipped, in alphabetical order."""
    text = files("linvt_cli").joinpath("assets/sprites/sprites.json").read_text(encoding="utf-8")
    table: dict[str, list[int]] = json.loads(text)
    return {name: (rgb[0], rgb[1], rgb[2]) for name, rgb in sorted(table.items())}


@cache
def sprite_names() -> tuple[str, ...]:
    """The names of all sprites, in alphabetical order."""
    return tuple(sprite_colours())


@cache
def all_phrases() -> tuple[str, ...]:
    """Every thing that a clip can hold: "dog", ..., "red circle", ..."""
    shapes = tuple(f"{colour} {shape}" for shape in SHAPES for colour in COLOURS)
    return sprite_names() + shapes


def with_article(phrase: str) -> str:
    """The phrase with its indefinite article: "a dog", "an owl"."""
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


_INFINITIVES: dict[Action, str] = {
    "enters": "enter",
    "leaves": "leave",
    "moves": "move",
    "grows": "grow",
    "shrinks": "shrink",
    "blinks": "blink",
    "appears": "appear",
    "disappears": "disappear",
}


def infinitive(action: Action, direction: Direction | None = None) -> str:
    """The verb after "does it ...": "grow", "move left"."""
    verb = _INFINITIVES[action]
    return f"{verb} {direction}" if action == "moves" and direction else verb


def predicate(action: Action, direction: Direction | None) -> str:
    """What a thing does, in the third person: "enters from the left", "moves up", "grows"."""
    if action == "enters":
        return f"enters from the {direction}"
    if action == "leaves":
        return f"leaves to the {direction}"
    if action == "moves":
        return f"moves {direction}"
    return action
