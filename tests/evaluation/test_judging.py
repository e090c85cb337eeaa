from __future__ import annotations

from pathlib import Path

import pytest

from linvt_cli.evaluation.items import Item
from linvt_cli.evaluation.judging import (
    CUT_OFF,
    Judgement,
    judgement_of,
    match_words,
    normalize,
    request_of,
)

OPEN = Item("1", Path("a.mp4"), "who is {there}?", answer="Two dogs")
CAPTION = Item(
    "1", Path("a.mp4"), "Write.", ("A. growing dark", "B. growing bright"), 1, "What?\nA. …"
)


def elements(answer: str) -> Item:
    return Item("1", Path("a.png"), "What is x?", answer=answer)


def test_requests_hold_question_right_answer_and_what_was_said():
    asked = request_of("meaning", OPEN, " dogs {2} ")
    assert "Question: who is {there}?\nRight answer: Two dogs\nGiven answer: dogs {2}\n" in asked
    assert "{'pred': 'yes', 'score': 4}" in asked
    asked = request_of("elements", elements("-1<AND>-5"), "x = 3")
    assert "\nWhat is x? | -1 <AND> -5 | x = 3 |\n" in asked


@pytest.mark.parametrize(
    ("reply", "judged"),
    [
        ("{'pred': 'yes', 'score': 4}", Judgement(1.0, 4)),
        ('Sure:\n```{"pred": "No", "score": 0}```', Judgement(0.0, 0)),
        ("{'pred': 'yes', 'score': 4.8}", Judgement(1.0, 4)),
        ("{'pred': 'yes', 'score': '5'}", Judgement(1.0, 5)),
        ("{'pred': 'maybe', 'score': 3}", None),
        ("{'pred': 'yes', 'score': 6}", None),
        ("{'pred': 'yes'}", None),
        ("{'pred': yes, 'score': 3}", None),
        ("{'pred': 'yes', 'score': None}", None),
        ("{'pred': 'yes', 'score': 4, 'why': 'both say so'}", Judgement(1.0, 4)),
        ("{'score': 0, 'pred': 'no'}", Judgement(0.0, 0)),
        ("{'pred': 'yes', 'score': " + "-" * 5000 + "1}", None),
        ("{'pred': 'yes', 'score': " + "(" * 5000 + "}", None),
        ("{'pred': 'yes', 'score': " + "9" * 5000 + "}", None),
        ("{" * 100_000, None),
        ("{'pred': '" + "yes" * 5000 + "', 'score': 4}", None),
        ("yes, 4", None),
        ("", None),
    ],
)
def test_yes_no_and_rating_are_read_from_the_dictionary(reply, judged):
    assert judgement_of("meaning", OPEN, reply) == judged


@pytest.mark.parametrize(
    ("reply", "score"),
    [("0.5", 0.5), (" 1.0 |", 1.0), ("0", 0.0), ("| 0.3", 0.3), ("1.5", None), ("half", None)],
)
def test_shares_are_read_from_the_beginning(reply, score):
    judged = judgement_of("elements", elements("a"), reply)
    assert (None if judged is None else judged.score) == score


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("Reasoning: it says so.\nAnswer: B", 1.0),
        ("Reasoning: A. is wrong\nAnswer: B. growing bright", 1.0),
        ("Answer: A", 0.0),
        ("Answer: None", 0.0),
        ("Answer: A. or B.", 0.0),
        ("Answer: B. A ball is growing bright", 1.0),
        ("Answer: (B)", 1.0),
        ("Answer: **B**", 1.0),
        ("Answer: A or B", 0.0),
        ("Answer:", 0.0),
        ("B", None),
    ],
)
def test_a_caption_is_right_if_it_leads_to_the_right_option_alone(reply, score):
    judged = judgement_of("caption", CAPTION, reply)
    assert (None if judged is None else judged.score) == score


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("Correct", 1.0), ("correct.", 1.0), ("Incorrect", 0.0), ("It is incorrect", 0.0),
        ("Correct, not incorrect", 1.0), ("Well", None), ("**Correct**", 1.0),
        ("Not correct", 0.0), ("It isn't correct.", 0.0), ("It is not quite correct", 0.0),
        ("It is not only correct but complete", 1.0), ("It does not miss the correct answer", 1.0),
        ("This is the correct one.", 1.0), ("Correct answer: B. Incorrect", 0.0),
        (CUT_OFF, None), (f"Correct{CUT_OFF}", None),
    ],
)  # fmt: skip
def test_right_or_wrong_is_read_from_one_word(reply, score):
    judged = judgement_of("option", OPEN, reply)
    assert (None if judged is None else judged.score) == score


YES, NO = "{'pred': 'yes', 'score': 4}", "{'pred': 'no', 'score': 0}"


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        (f"<think>{YES}? No.</think>\n{NO}", 0.0),
        (f"{YES}? No.</think>\n\n{NO}", 0.0),
        (f"<think>{YES}", None),
        (f"<think>So.</think><THINK>{YES}", None),
        (f"<thinking>{'so ' * 5000}</thinking>{YES}", 1.0),
        (f"<think></think>{YES}", 1.0),
        (CUT_OFF, None),
        (f"<think>so{CUT_OFF}", None),
        (f"{YES} Because {CUT_OFF}", 1.0),
        (f"{YES[:-1]}{CUT_OFF}", None),
    ],
)
def test_thoughts_are_no_verdict(reply, score):
    judged = judgement_of("meaning", OPEN, reply)
    assert (None if judged is None else judged.score) == score


SCENE = Item("1", Path("a.mp4"), "Describe.", answer="1. he enters", task="sub_scene")


def test_a_scene_is_judged_by_its_points_and_a_summary_by_the_right_one():
    asked = request_of("sub_scene", SCENE, "He goes in.")
    assert "Question: Describe.\nPoints:\n1. he enters\nGiven answer: He goes in.\n" in asked
    asked = request_of("summary", OPEN, "Dogs.")
    assert "Right summary: Two dogs\nGiven summary: Dogs.\n" in asked
    assert '{"score_completeness": 3, "score_reliability": 4}' in asked


@pytest.mark.parametrize(
    ("kind", "reply", "judged"),
    [
        ("sub_scene", '{"score_accuracy": 3.5, "score_relevance": 4}', Judgement(0.75, 7.5)),
        ("sub_scene", "{'score_accuracy': 1, 'score_relevance': 1, 'total_score': 2}",
         Judgement(0.2, 2.0)),
        ("sub_scene", "score_accuracy is high. {'score_accuracy': '5', 'score_relevance': 5}",
         Judgement(1.0, 10.0)),
        ("sub_scene", "score_accuracy: 2 at first, then\n{'score_accuracy': 4,"
         " 'score_relevance': 2}", Judgement(0.6, 6.0)),
        ("summary", '```json\n{"score_completeness": 2, "score_reliability": 3}\n```',
         Judgement(0.5, 5.0)),
        ("summary", '{"score_accuracy": 2, "score_relevance": 3}', None),
        ("summary", '{"score_completeness": 2}', None),
        ("summary", '{"score_completeness": 0, "score_reliability": 3}', None),
        ("summary", '{"score_completeness": 6, "score_reliability": 3}', None),
        ("summary", '{"score_completeness": 10, "score_reliability": 3}', None),
        ("summary", '{"score_completeness": 3, "score_reliability": 45}', None),
        ("summary", 'As in {"score_completeness": 3, "score_reliability": 4}:'
         ' {"score_completeness": 10, "score_reliability": 4}', None),
        ("summary", "", None),
    ],
)  # fmt: skip
def test_mlvus_two_scores_are_added(kind, reply, judged):
    assert judgement_of(kind, SCENE, reply) == judged


def test_without_a_judge_words_are_compared():
    assert match_words("meaning", OPEN, "the 2 Dogs!") == Judgement(1.0, 5)
    assert match_words("meaning", OPEN, "two dogs and a cat") == Judgement(0.0, 0)
    assert match_words("option", OPEN, "two dogs") == Judgement(0.0)
    assert match_words("summary", OPEN, "two dogs") == Judgement(0.0, 0)
    assert normalize("An  apple, the PEAR.") == "apple pear"


@pytest.mark.parametrize("said", ["1.5", "-15", "1.55"])
def test_numbers_that_differ_in_a_sign_or_a_point_are_others(said):
    number = Item("1", Path("a.mp4"), "how many?", answer="15")
    assert match_words("meaning", number, said).score == 0.0
    assert match_words("meaning", number, "15.").score == 1.0
    assert match_words("elements", elements("x = 15"), f"x = {said}").score == 0.0
    assert normalize("1,500") == "1500"


def test_an_answer_of_signs_alone_is_never_right():
    letter = Item("1", Path("a.mp4"), "which letter?", answer="A")
    assert match_words("meaning", letter, "a.") == Judgement(1.0, 5)
    assert match_words("meaning", letter, "...") == Judgement(0.0, 0)
    assert match_words("meaning", Item("1", Path("a.mp4"), "?", answer="?!"), "!").score == 0.0


@pytest.mark.parametrize(
    ("answer", "said", "score"),
    [
        ("apple<AND>pear", "a pear", 0.5),
        ("apple<AND>pear", "apple and pear", 1.0),
        ("three<OR>no", "There are 3 of them", 1.0),
        ("apple<AND>pear<OR>plum", "plum", 1.0),
        ("apple", "pineapple", 0.0),
        ("apple<AND>", "apple", 0.5),
    ],
)
def test_elements_count_their_share(answer, said, score):
    assert match_words("elements", elements(answer), said).score == score


@pytest.mark.parametrize(
    ("said", "score"),
    [
        ("It is growing bright.", 1.0),
        ("growing dark", 0.0),
        ("growing dark, growing bright", 0.0),
        ("growing brighter", 0.0),
    ],
)
def test_a_caption_must_hold_the_words_of_the_right_option_alone(said, score):
    assert match_words("caption", CAPTION, said).score == score
