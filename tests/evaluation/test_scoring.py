from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from linvt_cli.errors import JudgementError
from linvt_cli.evaluation.benchmarks import BENCHMARKS
from linvt_cli.evaluation.embeddings import PATH, EmbeddingMatch
from linvt_cli.evaluation.endpoint import Endpoint
from linvt_cli.evaluation.items import Item
from linvt_cli.evaluation.scoring import (
    Verdict,
    choices_for,
    is_choice,
    place_of_choice,
    score_answer,
    score_place,
)
from tests.evaluation.judge_server import judge_server

CHOICE = Item("1", Path("a.mp4"), "?", ("red", "blue"), 1)
OPEN = Item("q", Path("a.mp4"), "who?", answer="two dogs")


class Scripted:
    """A judge that gives one reply after the other."""

    label = "scripted"

    def __init__(self, *replies: str) -> None:
        self.replies = list(replies)
        self.attempts: list[int] = []

    def reply(self, request: str, attempt: int, means: Callable[[str], bool]) -> str:
        self.attempts.append(attempt)
        return str(self.replies.pop(0))


@pytest.mark.parametrize("name", [name for name, each in BENCHMARKS.items() if each.rule])
@pytest.mark.parametrize("said", ["", "  ", "\n"])
def test_an_empty_answer_never_counts_as_right(name, said):
    for right in (0, 1):
        task = "yes_no" if name == "tempcompass" else ""
        item = Item("1", Path("a.mp4"), "?", ("yes", "no"), right, task=task)
        judge = Scripted()
        assert score_answer(BENCHMARKS[name], item, said, judge) == Verdict(None, 0.0)
        assert judge.attempts == []


@pytest.mark.parametrize("name", [name for name, each in BENCHMARKS.items() if not each.rule])
@pytest.mark.parametrize("with_judge", [True, False])
def test_an_empty_open_answer_is_wrong_and_no_judge_is_asked(name, with_judge):
    judge = Scripted() if with_judge else None
    verdict = score_answer(BENCHMARKS[name], OPEN, " ", judge)
    assert (verdict.score, verdict.rating) == (0.0, None if name == "mm-vet" else 0)


@pytest.mark.parametrize("task", ["captioning", "sub_scene", "summary"])
def test_an_empty_text_of_a_task_is_wrong_and_no_judge_is_asked(task):
    name = "tempcompass" if task == "captioning" else "mlvu-generation"
    item = Item("1", Path("a.mp4"), "Write.", ("A. red", "B. blue"), 1, "?", task=task)
    assert score_answer(BENCHMARKS[name], item, "\n", Scripted()).score == 0.0


def test_a_task_of_mlvu_is_judged_in_its_own_way():
    bench = BENCHMARKS["mlvu-generation"]
    scene = Item("1", Path("a.mp4"), "?", answer="1. x", task="sub_scene")
    summary = Item("1", Path("a.mp4"), "?", answer="x", task="summary")
    says = '{"score_accuracy": 3, "score_relevance": 5, "score_reliability": 2}'
    assert score_answer(bench, scene, "so", Scripted(says)) == Verdict(None, 0.8, 8.0, "judge")
    with pytest.raises(JudgementError):
        score_answer(bench, summary, "so", Scripted(*[says] * 3))


def test_a_letter_is_compared_with_the_right_one():
    assert score_answer(BENCHMARKS["mvbench"], CHOICE, "(B)", None) == Verdict("B", 1.0)
    assert score_answer(BENCHMARKS["mvbench"], CHOICE, "(A)", None) == Verdict("A", 0.0)
    assert score_answer(BENCHMARKS["mvbench"], CHOICE, "blue", None) == Verdict(None, 0.0)


def test_an_answer_that_is_not_public_has_no_score():
    assert score_place(Item("1", Path("a.mp4"), "?", ("x", "y")), 1) == Verdict("B", None)


def test_a_judge_is_asked_again_until_its_reply_means_something():
    judge = Scripted("well", "{'pred': 'yes', 'score': 4}")
    verdict = score_answer(BENCHMARKS["msvd-qa"], OPEN, "some dogs", judge)
    assert verdict == Verdict(None, 1.0, 4, "judge")
    assert judge.attempts == [0, 1]


def test_a_judge_that_never_says_anything_is_an_error_that_names_the_question():
    with pytest.raises(JudgementError, match="about question q is no judgement") as caught:
        score_answer(BENCHMARKS["msvd-qa"], OPEN, "some dogs", Scripted(*["well"] * 3))
    assert caught.value.message.endswith("'well'")
    assert caught.value.hint == "--resume asks it again"


def test_without_a_judge_words_are_compared():
    verdict = score_answer(BENCHMARKS["msvd-qa"], OPEN, "Two dogs.", None)
    assert verdict == Verdict(None, 1.0, 5, "words")


def test_tempcompass_asks_a_judge_only_where_its_rules_are_silent():
    bench = BENCHMARKS["tempcompass"]
    item = Item("1", Path("a.mp4"), "?", ("A. red", "B. blue"), 1, "B. blue", task="multi-choice")
    assert score_answer(bench, item, "B", Scripted()) == Verdict("B", 1.0)
    assert score_answer(bench, item, "blue", None) == Verdict(None, 0.0)
    judged = score_answer(bench, item, "blue", Scripted("Correct"))
    assert judged == Verdict(None, 1.0, None, "judge")


def test_a_caption_is_always_judged():
    bench = BENCHMARKS["tempcompass"]
    item = Item("1", Path("a.mp4"), "Write.", ("A. red", "B. blue"), 1, "?", task="captioning")
    assert not is_choice(bench, item)
    assert score_answer(bench, item, "It is blue", Scripted("Answer: B")).score == 1.0
    assert score_answer(bench, item, "It is blue", None) == Verdict(None, 1.0, None, "words")


def test_likelihood_compares_letters_or_texts():
    assert choices_for(CHOICE, "letter-likelihood") == ("A", "B")
    assert choices_for(CHOICE, "text-likelihood") == ("red", "blue")
    again = replace(CHOICE, options=("Three", "two", "three ", "one"), right=2)
    assert choices_for(again, "text-likelihood") == ("Three", "two", "one")
    assert [place_of_choice(again, "text-likelihood", number) for number in range(3)] == [2, 1, 3]
    wrong = replace(again, right=1)
    assert place_of_choice(wrong, "text-likelihood", 0) == 0
    assert place_of_choice(again, "letter-likelihood", 2) == 2
    yes = Item("1", Path("a.mp4"), "?", ("yes", "no"), 0, task="yes_no")
    assert choices_for(yes, "letter-likelihood") == ("yes", "no")
    lines = ("Option 1: A dog.", "Option 2: A cat.")
    matching = Item("1", Path("a.mp4"), "?", lines, 0, task="caption_matching")
    assert choices_for(matching, "letter-likelihood") == ("Option 1", "Option 2")


def test_embeddings_score_the_meaning_of_short_answers_and_are_named():
    reply = ' {"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [2]}]}'
    with judge_server((200, reply)) as server:
        match = EmbeddingMatch(Endpoint(server.url, PATH), "small", 0.9)
        verdict = score_answer(BENCHMARKS["msvd-qa"], OPEN, "some dogs", match)
        assert verdict == Verdict(None, 1.0, None, "embeddings")
        empty = score_answer(BENCHMARKS["msvd-qa"], OPEN, " ", match)
    assert (empty.score, empty.rating, empty.scored_by) == (0.0, None, "rule")
    assert server.requests[0]["input"] == ["two dogs", "some dogs"]
