from __future__ import annotations

from typing import Any

import pytest

from linvt_cli.training.video_data.caption_questions import CAPTION_QUESTIONS
from linvt_cli.training.video_data.drafts import Candidate
from linvt_cli.training.video_data.fields import FieldError
from linvt_cli.training.video_data.samples import Exchange
from linvt_cli.training.video_data.videochat2 import draft_of


def asked(*turns: dict[str, Any]) -> list[str]:
    return [each.question for each in draft_of({"video": "a.mp4", "QA": list(turns)}).exchanges]


def test_the_instruction_stands_before_its_question():
    draft = draft_of(
        {
            "video": "014/1060.mp4",
            "QA": [{"i": "Look closely.", "q": "Who runs?", "a": "A dog."}],
        }
    )
    assert draft.candidates == (Candidate("014/1060.mp4"),)
    assert draft.exchanges == (Exchange("Look closely.\nWho runs?", "A dog."),)


def test_an_instruction_is_told_once_until_another_takes_its_place():
    questions = asked(
        {"i": "Look.", "q": "Who?", "a": "1"},
        {"i": "Look.", "q": "Where?", "a": "2"},
        {"i": "", "q": "When?", "a": "3"},
        {"i": "Look.", "q": "Why?", "a": "4"},
        {"i": "Count.", "q": "How many?", "a": "5"},
    )
    assert questions == ["Look.\nWho?", "Where?", "When?", "Why?", "Count.\nHow many?"]


def test_the_instruction_of_a_caption_is_the_question_each_time():
    turn = {"i": "Describe the video.", "q": "", "a": "A dog runs."}
    assert asked(turn, turn) == ["Describe the video."] * 2


def test_a_caption_without_an_instruction_gets_a_question():
    (question,) = asked({"i": "", "q": "", "a": "A dog runs."})
    assert question in CAPTION_QUESTIONS
    assert asked({"a": "A dog runs."}) == [question]


def test_entries_with_times_are_about_a_part():
    row = {"video": "a.mp4", "start": 3.5, "end": 7, "QA": [{"q": "Who?", "a": "A dog."}]}
    assert draft_of(row).candidates == (Candidate("a.mp4", 3.5, 7.0),)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"image": "a.jpg", "QA": []}, "'video' is missing: the entry is about a picture"),
        ({"QA": []}, "'video' is missing"),
        ({"video": "/a.mp4"}, "'video' leads out of the folder of videos"),
        ({"video": "a.mp4"}, "'QA' is no list with questions: null"),
        ({"video": "a.mp4", "QA": []}, "'QA' is no list with questions"),
        ({"video": "a.mp4", "QA": ["Who?"]}, "'QA[0]' is no object"),
        ({"video": "a.mp4", "QA": [{"q": "Who?", "a": ""}]}, "'QA[0].a' is empty"),
        ({"video": "a.mp4", "QA": [{"q": 3, "a": "x"}]}, "'QA[0].q' is a number, not a text"),
    ],
)
def test_a_field_that_is_wrong_is_named(row, complaint):
    with pytest.raises(FieldError) as caught:
        draft_of(row)
    assert str(caught.value).startswith(complaint)
