from __future__ import annotations

import pytest

from linvt_cli.training.video_data.conversations import read_turns
from linvt_cli.training.video_data.fields import FieldError


def said(*turns: tuple[object, object]) -> list[object]:
    return [{"from": speaker, "value": text} for speaker, text in turns]


def test_questions_are_paired_with_their_answers_in_order():
    turns = said(
        ("human", "<video>\nWho?"),
        ("gpt", "A dog."),
        ("user", "Where?"),
        ("assistant", "At home. "),
    )
    assert read_turns(turns) == (("Who?", "A dog."), ("Where?", "At home."))


@pytest.mark.parametrize(
    ("turns", "complaint"),
    [
        (None, "'conversations' is no list: null"),
        ("Who?", "'conversations' is no list"),
        ([], "'conversations' is empty"),
        (
            said(("human", "Who?")),
            "'conversations' has an odd number of turns, 1: one has no answer",
        ),
        (["Who?", "A dog."], "'conversations[0]' is no object with 'from' and 'value'"),
        (
            said(("gpt", "A dog."), ("human", "Who?")),
            "'conversations[0].from' must be 'human' at this place, not \"gpt\"",
        ),
        (
            said(("human", "Who?"), ("human", "Who?")),
            "'conversations[1].from' must be 'gpt' at this place, not \"human\"",
        ),
        (said((["human"], "Who?"), ("gpt", "x")), "'conversations[0].from' must be 'human'"),
        (said(("system", "Be kind."), ("human", "Who?")), "'conversations[0].from' must be"),
        (said(("human", "<video>"), ("gpt", "A dog.")), "'conversations[0].value' is empty but"),
        (said(("human", "Who?"), ("gpt", "")), "'conversations[1].value' is empty"),
        (said(("human", "Who?"), ("gpt", None)), "'conversations[1].value' is missing"),
    ],
)
def test_what_is_no_conversation_is_refused_by_place(turns, complaint):
    with pytest.raises(FieldError) as caught:
        read_turns(turns)
    assert str(caught.value).startswith(complaint)
