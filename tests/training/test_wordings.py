from __future__ import annotations

from string import Formatter

from linvt_cli.training.wordings import HARD_WORDINGS, OFF_TOPIC_QUESTIONS, WORDINGS

ALL = WORDINGS | HARD_WORDINGS


def test_every_kind_has_many_wordings_and_no_question_has_two_meanings() -> None:
    meanings: dict[str, str] = {}
    for kind, wordings in ALL.items():
        assert len(set(wordings)) == len(wordings) >= 8, kind
        for wording in wordings:
            assert meanings.setdefault(wording, kind) == kind, wording


def test_the_wordings_of_a_kind_ask_about_the_same_parts() -> None:
    for kind, wordings in ALL.items():
        parts = {
            frozenset(name for _, name, _, _ in Formatter().parse(wording) if name)
            for wording in wordings
        }
        assert len(parts) == 1, kind


def test_off_topic_questions_are_many_and_are_no_questions_of_the_world() -> None:
    assert len(set(OFF_TOPIC_QUESTIONS)) >= 60
    asked = {wording for wordings in ALL.values() for wording in wordings}
    assert asked.isdisjoint(OFF_TOPIC_QUESTIONS)
