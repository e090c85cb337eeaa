from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from linvt_cli.training.questions import (
    Question,
    all_texts,
    ask_about,
    describe,
    normalize_answer,
    off_topic_question,
    place_answer,
)
from linvt_cli.training.vocabulary import (
    ACTIONS,
    ARRIVALS,
    DEPARTURES,
    NUMBER_WORDS,
    all_phrases,
    infinitive,
    predicate,
    with_article,
)
from linvt_cli.training.wordings import (
    FOREIGN_ANSWER,
    OFF_TOPIC_ANSWER,
    OFF_TOPIC_QUESTIONS,
    WORDINGS,
)
from linvt_cli.training.world import Clip, Event, make_clip, state_at

CLIPS = [make_clip(seed, "train") for seed in range(250)]
KINDS = {
    "describe", "first", "last", "after", "before", "arrives", "direction", "action", "count",
    "colour", "place", "exists", "leaves", "does",
}  # fmt: skip
YES_NO = ("exists", "leaves", "does")


def _all_asked() -> list[tuple[Clip, Question]]:
    rng = np.random.default_rng(11)
    return [(clip, question) for clip in CLIPS for question in ask_about(clip, rng)]


ASKED = _all_asked()


def asked(kind: str) -> Iterator[tuple[Clip, Question]]:
    for clip, question in ASKED:
        if question.kind == kind:
            yield clip, question


def sentence(clip: Clip, event: Event) -> str:
    phrase = clip.things[event.thing].phrase
    return f"The {phrase} {predicate(event.action, event.direction)}."


def subject(clip: Clip, question: Question) -> int:
    """The index of the one thing that a question is about."""
    named = [
        index
        for index, thing in enumerate(clip.things)
        if re.search(rf"\bthe {thing.phrase}\b", question.text)
    ]
    assert len(named) == 1, question
    return named[0]


def actions_of(clip: Clip, thing: int) -> set[str]:
    return {event.action for event in clip.events if event.thing == thing}


def test_every_kind_occurs_and_no_other() -> None:
    assert {question.kind for _, question in ASKED} == KINDS


def test_the_same_generator_state_asks_the_same() -> None:
    one, two = (ask_about(CLIPS[3], np.random.default_rng(5)) for _ in range(2))
    assert one == two


def test_every_wording_of_a_kind_is_used_and_there_are_eight_or_more() -> None:
    for wordings in WORDINGS.values():
        assert len(set(wordings)) == len(wordings) >= 8
    for kind in KINDS:
        assert len({question.text for _, question in asked(kind)}) >= 8


def test_no_placeholder_is_left_open() -> None:
    for _, question in ASKED:
        assert not set("{}") & set(question.text + question.answer)


@pytest.mark.parametrize("kind", YES_NO)
def test_yes_and_no_are_balanced(kind: str) -> None:
    counts = Counter(question.answer for _, question in asked(kind))
    assert set(counts) == {"Yes.", "No."}
    assert 0.4 < counts["Yes."] / counts.total() < 0.6


def test_a_description_names_all_events_in_order() -> None:
    pattern = re.compile(
        rf"the ({'|'.join(sorted(all_phrases(), key=len, reverse=True))}) ({'|'.join(ACTIONS)})"
        r"(?: (?:from the |to the )?(left|right|top|bottom|up|down))?"
    )
    for clip, question in asked("describe"):
        assert question.answer == describe(clip)
        parts = question.answer.removesuffix(".").lower().split(", then ")
        told = [match.groups() for part in parts if (match := pattern.fullmatch(part))]
        assert told == [(clip.things[e.thing].phrase, e.action, e.direction) for e in clip.events]


def test_first_and_last_are_the_outer_events() -> None:
    for kind, index in (("first", 0), ("last", -1)):
        for clip, question in asked(kind):
            assert question.answer == sentence(clip, clip.events[index])


@pytest.mark.parametrize(("kind", "step"), [("after", 1), ("before", -1)])
def test_after_and_before_give_the_direct_neighbour(kind: str, step: int) -> None:
    for clip, question in asked(kind):
        clauses = [sentence(clip, e).lower().removesuffix(".") for e in clip.events]
        named = [i for i, clause in enumerate(clauses) if clause in question.text]
        assert [question.answer] == [sentence(clip, clip.events[i + step]) for i in named]


def test_arrivals_are_asked_only_where_something_arrives() -> None:
    for clip, question in asked("arrives"):
        arrivals = [clip.things[e.thing].phrase for e in clip.events if e.action in ARRIVALS]
        is_last = "last" in question.text
        assert is_last != ("first" in question.text)
        assert question.answer == f"The {arrivals[-1 if is_last else 0]}."


def test_directions_are_those_of_the_events() -> None:
    for clip, question in asked("direction"):
        thing = subject(clip, question)
        possible = {
            predicate(e.action, e.direction).split(" ", 1)[1]
            for e in clip.events
            if e.thing == thing and e.direction
        }
        assert question.answer.lower().removesuffix(".") in possible


def test_what_a_thing_does_is_asked_where_it_does_one_thing() -> None:
    for clip, question in asked("action"):
        thing = subject(clip, question)
        (event,) = [e for e in clip.events if e.thing == thing]
        assert question.answer == f"It {predicate(event.action, event.direction)}."


def test_the_count_is_that_of_all_things() -> None:
    for clip, question in asked("count"):
        assert question.answer == f"{NUMBER_WORDS[len(clip.things)].capitalize()}."


def test_a_colour_is_asked_of_the_only_shape_of_its_kind() -> None:
    for clip, question in asked("colour"):
        (thing,) = [t for t in clip.things if t.colour and f"the {t.name}" in question.text]
        assert question.answer == f"{str(thing.colour).capitalize()}."
        assert [t.name for t in clip.things].count(thing.name) == 1


def test_a_place_is_the_state_at_that_time_and_the_thing_is_in_view() -> None:
    at_start = re.compile(r"start|at first|beginning|begins")
    for clip, question in asked("place"):
        fraction = 0.03 if at_start.search(question.text) else 0.97
        state = state_at(clip, subject(clip, question), fraction)
        assert state.visible
        assert question.answer == place_answer(state.x, state.y)


def test_existence_is_asked_with_the_right_article_and_answer() -> None:
    for clip, question in asked("exists"):
        present = [
            thing
            for thing in clip.things
            if re.search(rf"\b{with_article(thing.phrase)}\b", question.text)
        ]
        assert question.answer == ("Yes." if present else "No.")
        assert any(
            re.search(rf"\b{with_article(phrase)}\b", question.text) for phrase in all_phrases()
        )


def test_leaving_is_asked_of_what_leaves_or_disappears_and_of_what_stays() -> None:
    for clip, question in asked("leaves"):
        gone = actions_of(clip, subject(clip, question)) & DEPARTURES
        assert question.answer == ("Yes." if gone else "No.")


def test_doing_is_affirmed_of_done_actions_only() -> None:
    for clip, question in asked("does"):
        thing = subject(clip, question)
        verbs = {
            infinitive(e.action, heading)
            for e in clip.events
            if e.thing == thing
            for heading in (e.direction, None)
        }
        phrase = re.escape(clip.things[thing].phrase)
        (verb,) = re.findall(rf"{phrase} (?:can be seen to )?((?:move \w+)|\w+)", question.text)
        assert question.answer == ("Yes." if verb in verbs else "No.")


def test_no_is_never_the_answer_to_what_looks_alike() -> None:
    for clip, question in asked("does"):
        if question.answer == "No.":
            done = actions_of(clip, subject(clip, question))
            if done & ARRIVALS:
                assert not re.search(r"\b(enter|appear)\b", question.text)
            if done & DEPARTURES:
                assert not re.search(r"\b(leave|disappear)\b", question.text)
            if "blinks" in done:
                assert not re.search(r"\b(dis)?appear\b", question.text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The dog enters from the left.", "the dog  enters from left"),
        ("No.", "no"),
        ("At the top left.", "AT TOP LEFT!"),
        ("A dog, an owl and the bee.", "dog owl and bee"),
    ],
)
def test_answers_are_compared_without_case_punctuation_articles_and_space(
    one: str, other: str
) -> None:
    assert normalize_answer(one) == normalize_answer(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("The dog grows.", "The dog shrinks."), ("On the left.", "At the left."), ("Yes.", "No."),
     ("The bee.", "The bees."), ("Another.", "Other.")],
)  # fmt: skip
def test_different_answers_stay_different(one: str, other: str) -> None:
    assert normalize_answer(one) != normalize_answer(other)


def test_off_topic_questions_are_many_and_none_is_about_the_world() -> None:
    rng = np.random.default_rng(2)
    drawn = {off_topic_question(rng) for _ in range(2000)}
    assert drawn == set(OFF_TOPIC_QUESTIONS)
    assert len(drawn) >= 60
    assert not drawn & {question.text for _, question in ASKED}


def test_the_texts_for_the_tokenizer_hold_every_word_that_is_asked_or_answered() -> None:
    def words_of(texts: Iterable[str]) -> set[str]:
        return {word for text in texts for word in re.findall(r"\w+", text.lower())}

    answers = (FOREIGN_ANSWER, OFF_TOPIC_ANSWER, *OFF_TOPIC_QUESTIONS)
    said = [text for _, question in ASKED for text in (question.text, question.answer)]
    assert words_of([*said, *answers]) <= words_of(all_texts())


def test_a_thing_of_which_nothing_can_be_denied_is_not_asked_about() -> None:
    """Clip 5698: what its thing does, and what is held out for it, leave no action over."""
    clip = make_clip(5698, "train")
    for seed in range(20):
        assert ask_about(clip, np.random.default_rng(seed))
