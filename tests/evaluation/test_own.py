from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from linvt_cli.errors import DatasetError
from linvt_cli.evaluation.items import BrokenItem, Item, ReadOptions
from linvt_cli.evaluation.own import read_own
from tests.evaluation import samples

ASKED = {"video": "a.mp4", "question": "Which colour?", "answer": "red"}


@pytest.fixture
def read(tmp_path, video):
    """Read lines of a file with a video beside it."""
    samples.put(video, tmp_path / "a.mp4")

    def from_lines(*lines: dict[str, Any] | str) -> list[Item | BrokenItem]:
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        file = tmp_path / "own.jsonl"
        file.write_text("\n".join(texts), encoding="utf-8")
        return list(read_own(file, ReadOptions("all")))

    return from_lines


def test_an_open_question_is_a_line_to_train_on(read, tmp_path):
    (item,) = read({**ASKED, "question": "<video>\nWhich colour?", "start": "0:01", "end": 2})
    assert item == Item(
        "line 1", tmp_path / "a.mp4", "Which colour?", answer="red", start=1.0, end=2.0
    )


def test_a_conversation_of_one_turn_is_a_question(read):
    turns = [{"from": "human", "value": "Who?"}, {"from": "gpt", "value": "A dog."}]
    one, two = read(
        {"video": "a.mp4", "conversations": turns}, {"video": "a.mp4", "conversations": turns * 2}
    )
    assert (one.question, one.answer) == ("Who?", "A dog.")
    assert "several questions" in two.error.message


@pytest.mark.parametrize(
    ("options", "answer", "right"),
    [
        (["red", "blue"], "blue", 1),
        (["red", "blue"], "B", 1),
        (["B", "A"], "A", 1),  # the text of an option rather than a letter
        (["a", "b", "c"], "C", 2),
    ],
)
def test_the_answer_is_one_of_the_options_or_its_letter(read, options, answer, right):
    (item,) = read({**ASKED, "options": options, "answer": answer})
    assert (item.options, item.right) == (tuple(options), right)
    assert item.answer == f"{'ABC'[right]}. {options[right]}"  # as a judge may read it


def test_what_tells_lines_apart_is_taken_over(read):
    first, second, third = read(
        {**ASKED, "id": "x7", "category": "colour", "kind": "still", "source": "mine"},
        {**ASKED, "id": 8, "kind": 5, "source": ""},
        {**ASKED, "id": True},
    )
    assert first.id == "x7"
    assert first.groups == (("category", "colour"), ("kind", "still"), ("source", "mine"))
    assert (second.id, second.groups, third.id) == ("8", (), "line 3")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({**ASKED, "options": ["red"]}, "'options' must be a list of 2 to 26 texts"),
        ({**ASKED, "options": "red"}, "'options' must be a list of 2 to 26 texts"),
        ({**ASKED, "options": ["red", ""]}, "'options' is empty"),
        ({**ASKED, "options": ["blue", "green"]}, "'answer' is 'red', which is none of the"),
        ({**ASKED, "options": ["x", "y"], "answer": "C"}, "'answer' is 'C', which is none of"),
        ({**ASKED, "video": "b.mp4"}, "There is no file"),
        ({**ASKED, "answer": None}, "'answer' is missing"),
        ({**ASKED, "end": -1}, "'end' must"),
        ("nothing", "is no JSON"),
        ("[]", "not an object"),
    ],
    ids=str,
)
def test_a_bad_line_is_told_with_file_and_line_and_stops_no_other(read, tmp_path, line, said):
    good, bad = read(ASKED, line)
    assert isinstance(good, Item)
    assert isinstance(bad, BrokenItem)
    assert bad.id == "line 2"
    assert bad.error.message.startswith(f"{tmp_path / 'own.jsonl'}:2: ")
    assert said in bad.error.message


@pytest.mark.parametrize(
    ("line", "way_out"),
    [({**ASKED, "video": "b.mp4"}, "data convert --videos"), ("nothing", "data check")],
    ids=str,
)
def test_a_bad_line_has_a_hint_that_helps(read, line, way_out):
    (bad,) = read(line)
    assert way_out in bad.error.hint


def test_a_file_that_is_not_there_is_an_error():
    with pytest.raises(DatasetError, match=r"'none\.jsonl' cannot be read"):
        list(read_own(Path("none.jsonl"), ReadOptions("all")))
