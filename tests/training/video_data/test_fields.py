from __future__ import annotations

import math

import pytest

from linvt_cli.training.video_data.fields import (
    FieldError,
    file_name_of,
    question_of,
    row_of,
    shown,
    span_of,
    text_of,
    text_or_empty,
    without_placeholders,
)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (None, "'answer' is missing"),
        ("", "'answer' is empty"),
        (" \n ", "'answer' is empty"),
        (4, "'answer' is a number, not a text: 4"),
        (True, "'answer' is true or false, not a text: true"),
        (["a"], "'answer' is a list, not a text"),
        ({"a": 1}, "'answer' is an object, not a text"),
        ("half \ud800", "'answer' has characters that are no Unicode"),
        ("byte \udcff", "'answer' has characters that are no Unicode"),
    ],
)
def test_what_is_no_text_is_refused_by_name(value, complaint):
    with pytest.raises(FieldError) as caught:
        text_of(value, "answer")
    assert str(caught.value).startswith(complaint)
    assert caught.value.field == "answer"


def test_a_text_comes_without_space_around_it():
    assert text_of("\tA dog.\n", "answer") == "A dog."
    assert text_or_empty(None, "source") == text_or_empty("", "source") == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<image>\nWhat is it?", "What is it?"),
        ("What is it?\n<video>", "What is it?"),
        ("<video><video>\n<Image> What?", "What?"),
        ("Before <video> and after", "Before and after"),
        ("Is 1 < 2 > 0?\nYes or no?", "Is 1 < 2 > 0?\nYes or no?"),
    ],
)
def test_places_of_pictures_are_taken_out_of_a_question(text, expected):
    assert without_placeholders(text) == question_of(text, "question") == expected


def test_a_question_of_places_alone_is_empty():
    with pytest.raises(FieldError, match="'question' is empty but for places of pictures"):
        question_of("<video>\n<image>", "question")


@pytest.mark.parametrize(
    "name", ["http://host/a.mp4", "s3://bucket/a.mp4", "pssd:s3://a.mp4", "a\0.mp4"]
)
def test_addresses_and_impossible_names_are_no_files(name):
    with pytest.raises(FieldError, match="'video' is "):
        file_name_of(name, "video")


@pytest.mark.parametrize(
    "name", ["a.mp4", "/data/a.mp4", "../a b.mp4", "c_00:00:01.5_x.mp4", "x:y"]
)
def test_other_names_are(name):
    assert file_name_of(name, "video") == name


@pytest.mark.parametrize(
    ("row", "span"),
    [
        ({}, (None, None)),
        ({"start": None, "end": None}, (None, None)),
        ({"start": 0, "end": 2.5}, (0.0, 2.5)),
        ({"start": 3}, (3.0, None)),
        ({"end": 0.5}, (None, 0.5)),
        ({"start": "0:01:02.5", "end": "63"}, (62.5, 63.0)),
    ],
)
def test_spans_are_seconds(row, span):
    assert span_of(row) == span


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"start": -1}, "'start' must be 0 or more seconds, not -1"),
        ({"end": math.nan}, "'end' must be 0 or more seconds, not nan"),
        ({"start": int("9" * 401)}, f"'start' must be 0 or more seconds, not {'9' * 60}…"),
        ({"end": math.inf}, "'end' must be 0 or more seconds, not inf"),
        ({"start": True}, "'start' is true or false, not a number of seconds"),
        ({"start": [1]}, "'start' is a list"),
        ({"start": "soon"}, "'start' is no time: \"soon\""),
        ({"start": 2, "end": 2}, "'end' must come after 'start': 2 s is not after 2 s"),
        ({"start": 3, "end": 2}, "'end' must come after 'start'"),
        ({"end": 0}, "'end' must come after 'start': 0 s is not after 0 s"),
    ],
)
def test_what_is_no_span_is_refused(row, complaint):
    with pytest.raises(FieldError) as caught:
        span_of(row)
    assert str(caught.value).startswith(complaint)


def test_only_an_object_is_a_row():
    assert row_of({"video": "a"}) == {"video": "a"}
    with pytest.raises(FieldError, match=r"^is a list, not an object: \[1\]$"):
        row_of([1])


def test_values_are_shown_on_one_short_line():
    assert shown("a\nb\x1b") == '"a\\nb\\u001b"'
    assert len(shown("x" * 1000)) < 70
