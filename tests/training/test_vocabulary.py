from __future__ import annotations

import pytest

from linvt_cli.training.vocabulary import (
    COLOURS,
    SHAPES,
    all_phrases,
    infinitive,
    predicate,
    sprite_colours,
    sprite_names,
    with_article,
)


def test_there_are_at_least_sixty_named_pictures_and_eight_colours() -> None:
    assert len(sprite_names()) >= 60
    assert len(COLOURS) == 8
    assert set(sprite_names()).isdisjoint(SHAPES)
    assert len(all_phrases()) == len(set(all_phrases())) == len(sprite_colours()) + 8 * len(SHAPES)


@pytest.mark.parametrize(
    ("phrase", "expected"), [("dog", "a dog"), ("orange star", "an orange star")]
)
def test_articles_fit_the_sound(phrase: str, expected: str) -> None:
    assert with_article(phrase) == expected


def test_actions_are_told_in_the_third_person_and_asked_in_the_infinitive() -> None:
    assert predicate("enters", "left") == "enters from the left"
    assert predicate("leaves", "top") == "leaves to the top"
    assert predicate("moves", "up") == "moves up"
    assert predicate("grows", None) == "grows"
    assert infinitive("moves", "up") == "move up"
    assert infinitive("disappears") == "disappear"
