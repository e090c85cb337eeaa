from __future__ import annotations

from pathlib import Path

from linvt_cli.evaluation import prompts
from linvt_cli.evaluation.items import Item

ITEM = Item("1", Path("a.mp4"), "what is it", ("red", "blue", "green"), 0)


def test_mvbench_and_mlvu_put_letters_in_brackets_and_end_as_published():
    lines = "Question: what is it\nOptions:\n(A) red\n(B) blue\n(C) green\n"
    assert prompts.mvbench(ITEM, "").endswith(f"{lines}Only give the best option.")
    assert prompts.mlvu(ITEM, "").endswith(f"{lines}Only give the best option.\nBest option: (")


def test_mlvus_open_questions_stand_at_the_end():
    asked = prompts.mlvu_generation(ITEM, "")
    assert asked.endswith("from what you see.\nwhat is it")


def test_a_letter_is_wished_for_with_subtitles_before_the_question():
    asked = prompts.letter(ITEM, "hello\nbye")
    assert asked == (
        "This video's subtitles are listed below:\nhello\nbye\nwhat is it\nA. red\nB. blue\n"
        "C. green\nAnswer with the option's letter from the given choices directly."
    )
    assert prompts.letter(ITEM, "").startswith("what is it\n")


def test_video_mme_speaks_of_subtitles_only_where_there_are_some():
    assert prompts.video_mme(ITEM, "hello").startswith("This video's subtitles are listed below:")
    assert "and its subtitles" in prompts.video_mme(ITEM, "hello")
    without = prompts.video_mme(ITEM, "")
    assert "subtitles" not in without
    assert "(A, B, or C)" in without
    assert without.endswith("\nThe best answer is:")


def test_open_questions_become_sentences():
    assert prompts.short_answer(ITEM, "").splitlines()[0] == "What is it?"
    asked = Item("1", Path("a.mp4"), "who is it?")
    assert prompts.short_answer(asked, "").splitlines()[0] == "Who is it?"
    assert prompts.alone(asked, "") == "who is it?"


def test_tempcompass_adds_the_suffix_of_the_task():
    asked = Item("1", Path("a.mp4"), "Is it red?", ("yes", "no"), 0, task="yes_no")
    assert prompts.temp_compass(asked, "") == "Is it red?\nPlease answer yes or no:"
