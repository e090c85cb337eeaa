from __future__ import annotations

import numpy as np
import pytest

from linvt_cli.training.questions import place_answer
from linvt_cli.training.stills import ask_about_still, describe_still
from linvt_cli.training.vocabulary import NUMBER_WORDS
from linvt_cli.training.world import Thing, make_clip, state_at


@pytest.mark.parametrize("seed", range(12))
def test_answers_agree_with_what_is_in_the_still(seed: int) -> None:
    clip = make_clip(seed, "train")
    visible = {t.phrase for i, t in enumerate(clip.things) if state_at(clip, i, 0.5).visible}
    for question in ask_about_still(clip, 0.5, np.random.default_rng(seed)):
        named = [t for t in clip.things if f"the {t.phrase}?" in question.text]
        if question.kind == "still place":
            (thing,) = named
            placed = state_at(clip, clip.things.index(thing), 0.5)
            assert question.answer == place_answer(placed.x, placed.y)
        elif question.kind == "still count":
            assert question.answer == f"{NUMBER_WORDS[len(visible)].capitalize()}."
        elif question.kind == "still exists":
            present = any(f" {p}?" in question.text or f" {p} in" in question.text for p in visible)
            assert question.answer == ("Yes." if present else "No.")
        elif question.kind == "still describe":
            assert all(phrase in question.answer for phrase in visible)


def test_nothing_is_counted_while_something_is_half_out_of_view() -> None:
    """A thing that slides in belongs to the still only in part: its number is undecided."""
    for seed in range(60):
        clip = make_clip(seed, "train")
        for event in clip.events:
            if event.action == "enters":
                placed = state_at(clip, event.thing, event.start + 0.01)
                assert placed.visible
                asked = ask_about_still(clip, event.start + 0.01, np.random.default_rng(0))
                assert "still count" not in {question.kind for question in asked}
                return
    pytest.fail("no clip in which something enters")


def test_things_are_named_in_alphabetical_order() -> None:
    things = [Thing("owl"), Thing("circle", "red"), Thing("dog")]
    assert describe_still(things) == "There is a dog, an owl and a red circle."
    assert describe_still(things[:1]) == "There is an owl."
    assert describe_still([]) == "There is nothing."
