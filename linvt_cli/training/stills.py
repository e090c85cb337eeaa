"""Questions about one still of a clip: what is there, where, how many, of which colour."""

from __future__ import annotations

import numpy as np

from linvt_cli.training.questions import Question, place_answer
from linvt_cli.training.vocabulary import NUMBER_WORDS, all_phrases, with_article
from linvt_cli.training.world import Clip, Thing, state_at

_DESCRIBE = (
    "what is in the picture?",
    "what is there?",
    "what do you see?",
    "describe the picture",
    "what is shown?",
    "what is in this image?",
)
_COUNT = (
    "how many things are in the picture?",
    "how many things do you see?",
    "how many things are there?",
    "count the things",
)
_EXISTS = ("is there {a}?", "do you see {a}?", "can you see {a}?", "is {a} in the picture?")
_PLACE = (
    "where is the {phrase}?",
    "where in the picture is the {phrase}?",
    "in which part is the {phrase}?",
    "where can i see the {phrase}?",
)
_COLOUR = (
    "what colour is the {name}?",
    "which colour does the {name} have?",
    "what is the colour of the {name}?",
)


def ask_about_still(clip: Clip, fraction: float, rng: np.random.Generator) -> list[Question]:
    """Return questions about the still at a fraction of a clip; only things in full view count."""
    visible = [thing for i, thing in enumerate(clip.things) if _in_full_view(clip, i, fraction)]
    partly = len(visible) < sum(
        state_at(clip, i, fraction).visible for i in range(len(clip.things))
    )
    questions = [_exists(clip, visible, rng), _exists(clip, visible, rng)]
    for index, thing in enumerate(clip.things):
        if thing in visible and not _is_moving(clip, index, fraction):
            placed = state_at(clip, index, fraction)
            answer = place_answer(placed.x, placed.y)
            questions.append(_question("still place", _PLACE, answer, rng, phrase=thing.phrase))
        alone = sum(other.name == thing.name for other in clip.things) == 1
        if thing in visible and thing.colour is not None and alone:
            answer = f"{thing.colour.capitalize()}."
            questions.append(_question("still colour", _COLOUR, answer, rng, name=thing.name))
    if not partly:
        count = f"{NUMBER_WORDS[len(visible)].capitalize()}."
        questions.append(_question("still count", _COUNT, count, rng))
        questions.append(_question("still describe", _DESCRIBE, describe_still(visible), rng))
    return questions


def describe_still(things: list[Thing]) -> str:
    """Name the things of a still, in alphabetical order."""
    names = [with_article(thing.phrase) for thing in sorted(things, key=lambda t: t.phrase)]
    if not names:
        return "There is nothing."
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"There is {listed}."


def _exists(clip: Clip, visible: list[Thing], rng: np.random.Generator) -> Question:
    if visible and rng.random() < 0.5:
        phrase = visible[int(rng.integers(len(visible)))].phrase
        return _question("still exists", _EXISTS, "Yes.", rng, a=with_article(phrase))
    held = {thing.phrase for thing in clip.things}
    absent = [phrase for phrase in all_phrases() if phrase not in held]
    phrase = absent[int(rng.integers(len(absent)))]
    return _question("still exists", _EXISTS, "No.", rng, a=with_article(phrase))


def _question(
    kind: str, wordings: tuple[str, ...], answer: str, rng: np.random.Generator, **words: str
) -> Question:
    wording = wordings[int(rng.integers(len(wordings)))]
    return Question(kind, wording.format(**words), answer)


def _in_full_view(clip: Clip, index: int, fraction: float) -> bool:
    placed = state_at(clip, index, fraction)
    short = min(clip.width, clip.height)
    half_x, half_y = (placed.size * short / side / 2 for side in (clip.width, clip.height))
    inside = half_x < placed.x < 1 - half_x and half_y < placed.y < 1 - half_y
    return placed.visible and inside


def _is_moving(clip: Clip, index: int, fraction: float) -> bool:
    before, after = (state_at(clip, index, fraction + d) for d in (-0.02, 0.02))
    return abs(before.x - after.x) + abs(before.y - after.y) > 1e-6
