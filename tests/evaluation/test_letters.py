"""Every rule against results worked out by hand from the published scripts."""

from __future__ import annotations

from pathlib import Path

import pytest

from linvt_cli.evaluation import letters
from linvt_cli.evaluation.benchmarks import BENCHMARKS
from linvt_cli.evaluation.items import Item

FOUR = Item("1", Path("a.mp4"), "Which?", ("red", "a blue one", "green", "none"), 0)


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("(A)", 0), ("A", 0), ("a", 0), ("A.", 0), ("(A) red", 0), ("A) red", 0), ("(A)red", 0),
        ("b. a blue one", 1), ("Answer: (C) green", 2), ("(A) or (B)", 0), ("D", 3),
        ("The answer is (A)", None), ("red", None), ("Apple", None), ("E", None),
        ("", None), ("  ", None), ("(", None), (".", None), ("()", None),
    ],
)  # fmt: skip
def test_mvbench_compares_the_first_word_with_the_letter_in_brackets(said, place):
    assert letters.first_word(said, FOUR) == place


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("A", 0), ("A)", 0), ("(A)", 0), ("(B) blue", 1), ("B) blue", 1), ("I say (D).", 3),
        ("A.", None), ("A. red", None), ("a", None), ("a)", None), (") A", None), ("red", None),
        ("(red) B)", None), ("", None), (")", None), ("E)", None),
    ],
)  # fmt: skip
def test_mlvu_takes_the_sign_before_the_first_bracket_or_a_letter_alone(said, place):
    assert letters.before_bracket(said, FOUR) == place


_CAPITALS = [
    ("B", 1), ("B.", 1), ("(C)", 2), ("The best answer is D.", 3), ("The best option is C", 2),
    ("The correct option is C", 2), ("The answer is: A", 0), ("Because it is red", 1),
    ("I say C", 2), ("E or A", 0), ("red", None), ("a", None), ("", None),
    ("one two three four five six seven eight nine ten eleven", None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "place"), [*_CAPITALS, ("Best option: C", 2), ("Best answer: C", 2)]
)
def test_longvideobench_takes_the_first_capital_behind_a_usual_beginning(said, place):
    assert letters.first_capital(said, FOUR) == place


@pytest.mark.parametrize(
    ("said", "place"), [*_CAPITALS, ("Best option: C", 1), ("Best answer: C", 1)]
)
def test_video_mme_does_the_same_and_leaves_best_where_it_is(said, place):
    rule = BENCHMARKS["video-mme"].rule
    assert rule is not None
    assert rule(said, FOUR) == place


def test_longvideobench_has_a_fifth_letter():
    five = Item("1", Path("a.mp4"), "Which?", ("a", "b", "c", "d", "e"), 0)
    assert letters.first_capital("E", five) == 4
    assert letters.first_capital("D. A book", five) == 3


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("B", 1), ("B. a blue one", 1), (" D", 3), ("Blue", 1), ("(C) green", None), ("xA", None),
        ("The answer is B", None), ("a", None), ("(", None), ("", None), ("E", None),
    ],
)  # fmt: skip
def test_videovista_takes_the_first_sign(said, place):
    assert letters.first_sign(said, FOUR) == place


def test_videovista_has_a_fifth_letter():
    five = Item("1", Path("a.mp4"), "Which?", ("a", "b", "c", "d", "e"), 0)
    assert letters.first_sign("E. none", five) == 4


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("C", 2), ("C.", 2), ("(C)", 2), ("'C'", 2), ("The answer is C.", 2), ("D. A book", 3),
        ("(B) or (C)", 1), ("C) green", 2), ("I think that it is a blue one there", 1),
        ("it is red", None), ("CAB", None), ("", None), ("...", None),
        ("I think it is neither of those things", None),
    ],
)  # fmt: skip
def test_next_qa_and_egoschema_take_the_letter_that_comes_first(said, place):
    assert letters.earliest_letter(said, FOUR) == place


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("A man sits down, so the answer is (B).", 1), ("B. No, rather (C) than (D)", 2),
        ("A man or B", 0), ("I say B.D is wrong", 3), ("It is D.So take B now", 1),
        ("B. A man sits", 1), ("B) A man sits", 1), ("It was option C) I think", 2),
    ],
)  # fmt: skip
def test_next_qa_and_egoschema_look_for_brackets_then_a_lone_letter_then_a_full_stop(said, place):
    assert letters.earliest_letter(said, FOUR) == place


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("Blue.", 1),
        ("  a   DOG ", 2),
        ("D", 3),
        ("(B) blue", 1),
        ("a cat", None),  # of two options that are the same
        ("A cat", 0),  # so the letter counts
        ("blue or red", None),
        (".", None),
    ],
)
def test_an_answer_that_repeats_one_option_of_ones_own_names_it(said, place):
    options = ("a cat", "blue", "a dog", "A cat.", "!")
    item = Item("1", Path("a.mp4"), "Which?", options, 0)
    assert letters.option_or_letter(said, item) == place
