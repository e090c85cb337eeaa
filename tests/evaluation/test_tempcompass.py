from __future__ import annotations

import json
from pathlib import Path

import pytest

from linvt_cli.errors import DatasetError
from linvt_cli.evaluation.items import BrokenItem, Item, ReadOptions
from linvt_cli.evaluation.tempcompass import match, read_temp_compass
from tests.evaluation import samples, table_samples

TEST = ReadOptions("test")
CHOICE = Item(
    "1", Path("a.mp4"), "?", ("A. dunking", "B. passing", "C. none"), 0, task="multi-choice"
)
YES = Item("1", Path("a.mp4"), "?", ("yes", "no"), 0, task="yes_no")
CAPTION = Item(
    "1",
    Path("a.mp4"),
    "?",
    ("Option 1: A dog runs.", "Option 2: A dog sits."),
    0,
    task="caption_matching",
)


def test_four_tasks_are_read_over_the_same_videos(tmp_path, video):
    samples.temp_compass(tmp_path, video)
    choice, yes_no, matching, captioning = read_temp_compass(tmp_path, TEST)
    assert isinstance(choice, Item)
    assert (choice.right, choice.task) == (1, "multi-choice")
    assert choice.groups == (("task", "multi-choice"), ("dimension", "action"))
    assert isinstance(yes_no, Item)
    assert (yes_no.options, yes_no.right) == (("yes", "no"), 0)
    assert isinstance(matching, Item)
    assert matching.options[1] == "Caption B: It grows bright."
    assert isinstance(captioning, Item)
    assert captioning.question.endswith("Generated Caption:")
    assert captioning.answer.startswith("What is it doing?\nA. growing dark")
    assert captioning.right == 1


def test_one_task_needs_its_own_file_alone(tmp_path, video):
    samples.temp_compass(tmp_path, video)
    (tmp_path / "questions" / "captioning.json").unlink()
    assert len(list(read_temp_compass(tmp_path, ReadOptions("test", ("yes_no",))))) == 1
    with pytest.raises(DatasetError, match=r"has no file 'questions/captioning\.json'"):
        list(read_temp_compass(tmp_path, TEST))


def test_broken_entries_are_told_with_their_place(tmp_path, video):
    samples.temp_compass(tmp_path, video)
    path = tmp_path / "questions" / "multi-choice.json"
    table = json.loads(path.read_text())
    table["1034"]["action"][0]["answer"] = "B. something else"
    samples.write_json(path, table)
    read = list(read_temp_compass(tmp_path, TEST))
    broken = [item.error.message for item in read if isinstance(item, BrokenItem)]
    assert len(broken) == 2  # the question, and the caption that is judged by it
    assert broken[0].startswith("Field 'answer' of row 1034/action/1 in")
    samples.write_json(path, {"1034": {"action": {}}})
    with pytest.raises(DatasetError, match="Field 'action' of entry '1034'"):
        list(read_temp_compass(tmp_path, TEST))


def test_a_question_of_another_kind_that_judges_is_told(tmp_path, video):
    samples.temp_compass(tmp_path, video)
    path = tmp_path / "questions" / "multi-choice.json"
    samples.write_json(path, {"1034": {"action": [{"question": 5.5, "answer": []}]}})
    (broken,) = read_temp_compass(tmp_path, ReadOptions("test", ("captioning",)))
    assert isinstance(broken, BrokenItem)
    assert "Field 'mc_answer' of row 1034/action/1" in broken.error.message


def test_the_tables_on_the_hub_have_the_same_ids_and_judge_captions_by_their_own(tmp_path, video):
    table_samples.hub_temp_compass(tmp_path, video)
    items = [item for item in read_temp_compass(tmp_path, TEST) if isinstance(item, Item)]
    choices = [item.id for item in items[:2]]
    assert choices == ["multi-choice/1034/action/1", "multi-choice/1034/action/2"]
    assert len(items) == 8
    assert items[-1].answer == "What is it doing?\nA. growing dark\nB. growing bright"
    assert items[-1].right == 0


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("A. dunking", 0), ("B", 1), ("C.", 2), ("B) passing", 1), ("B. whatever", 1), ("A</s>", 0),
        ("b", None), ("dunking", None), ("(A)", None), ("AB", None), ("D", None), ("", None),
    ],
)  # fmt: skip
def test_multiple_choice_is_matched_by_the_published_rules(said, place):
    assert match(said, CHOICE) == place


@pytest.mark.parametrize(
    ("said", "place"),
    [("Yes", 0), ("yes, it is", 0), ("No.", 1), ("nothing", 1), ("It is", None), ("", None)],
)
def test_yes_and_no_are_matched_by_the_beginning(said, place):
    assert match(said, YES) == place


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("Option 1: A dog runs.", 0), ("A dog sits.", 1), ("Option 2", 1), ("Option 2.", 1),
        ("1", 0), ("2.", 1), ("(B) A dog sits.", 1), ("A dog flies.", None), ("", None),
    ],
)  # fmt: skip
def test_captions_are_matched_by_line_sentence_or_name(said, place):
    assert match(said, CAPTION) == place
