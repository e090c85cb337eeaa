from __future__ import annotations

from pathlib import Path

from linvt_cli.evaluation.items import Item, ReadOptions

TASKS = ("count", "plotQA")


def test_what_is_expected_is_a_letter_or_words_or_not_public():
    assert Item("1", Path("a.mp4"), "?", ("x", "y"), 1).expected == "B"
    assert Item("1", Path("a.mp4"), "?", answer="a dog").expected == "a dog"
    hidden = Item("1", Path("a.mp4"), "?", ("x", "y"))
    assert hidden.expected is None
    assert not hidden.has_answer


def test_categories_are_those_of_any_dimension_in_any_case():
    options = ReadOptions("test", ("ACTION",))
    assert options.takes((("task", "yes_no"), ("dimension", "action")))
    assert not options.takes((("task", "yes_no"), ("dimension", "speed")))
    assert ReadOptions("test").takes(())


def test_only_the_files_of_named_tasks_are_needed():
    assert ReadOptions("dev", ("count",)).tasks(TASKS) == ("count",)
    assert ReadOptions("dev").tasks(TASKS) == TASKS
    assert ReadOptions("dev", ("count", "action")).tasks(TASKS) == TASKS
