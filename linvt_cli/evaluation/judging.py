"""Answers that need a judge: what it is asked, what its replies mean, and the match without one."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from linvt_cli.evaluation.items import LETTERS, Item

Kind = Literal["meaning", "elements", "caption", "option", "sub_scene", "summary"]
"""How an answer is judged: yes or no with 0 to 5, 0 to 1 by elements, a caption by the option it
implies, an answer that no rule matches by right or wrong, and those of MLVU by two scores each."""

BEST_RATING: dict[Kind, int] = {"meaning": 5, "sub_scene": 10, "summary": 10}
"""The most that a rating can be, of the kinds that have one."""

CUT_OFF = "(cut off by the limit of tokens)"
"""What a reply that is not whole ends with: it means something where its verdict comes first."""

_LONGEST_REPLY = 8000  # characters that are read: more is no reply to these requests

_ARTICLES = frozenset({"a", "an", "the"})
_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    )
}


class Judge(Protocol):
    """Something that reads a request and replies."""

    @property
    def label(self) -> str:
        """What it is, with its version as far as it tells."""

    def reply(self, request: str, attempt: int, means: Callable[[str], bool]) -> str:
        """Return a reply; another attempt may give another one.

        Args:
            request: what it is asked.
            attempt: from 0; another one follows a reply that means nothing.
            means: whether a reply means something: only such a one is kept for later runs.

        Raises:
            LinVTError: if it gives none.
        """


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an answer is worth."""

    score: float  # in [0, 1]
    rating: float | None = None  # of the kinds in BEST_RATING; an empty answer's is 0


MEANING = (
    "You check answers to questions about videos. Compare a given answer with the right one: they"
    " agree if they mean the same, in whatever words; synonyms and paraphrases agree.\n\n"
    "Question: {question}\nRight answer: {answer}\nGiven answer: {said}\n\n"
    "Reply with a Python dictionary and nothing else. Its key 'pred' is 'yes' if they agree, else"
    " 'no'; its key 'score' is an integer from 0 to 5 that says how well they agree, 5 for fully."
    " As in: {{'pred': 'yes', 'score': 4}}"
)
ELEMENTS = (
    "Score how right a given answer is, from 0.0 (not at all) to 1.0 (fully), in steps of 0.1."
    " <AND> in the right answer means that all its elements must be in the given answer, and each"
    " counts its share; <OR> means that any one of them suffices.\n\n"
    "Question | Right answer | Given answer | Score\n--- | --- | --- | ---\n"
    "Which fruits are there? | apple <AND> pear | a plum | 0.0\n"
    "Which fruits are there? | apple <AND> pear | an apple | 0.5\n"
    "Which fruits are there? | apple <AND> pear | a pear and an apple | 1.0\n"
    "How many are there? | 3 <OR> three | There are three of them | 1.0\n"
    "{question} | {answer} | {said} |\n\nReply with the last score and nothing else."
)
CAPTION = (
    "Here are a description of a video and a multiple-choice question about it. Answer the question"
    " from the description alone. If the description does not tell, or tells none of the options,"
    " the answer is None.\n\n"
    "Description: {said}\nQuestion: {answer}\n\n"
    "Reply in two lines:\nReasoning: why\nAnswer: the letter of the option, or None"
)
OPTION = (
    "Here are a question, its right answer and a model's answer. Say whether the model's answer is"
    " right.\n\nQuestion: {question}\nRight answer: {answer}\nModel's answer: {said}\n\n"
    "Reply with one word: Correct or Incorrect"
)
SUB_SCENE = (
    "You score an answer to a question about a scene of a video. Give two scores from 1 to 5.\n"
    "Accuracy: score each of the points below for itself: 1 if the answer misses it, 3 if the"
    " answer comes near it but is not quite right, 5 if the answer has it right. The accuracy is"
    " the mean of these.\n"
    "Relevance, whether right or wrong: 1 if the answer is not about the question; 2 if it is in"
    " part, with much that does not belong there; 3 if it is, but unsure of itself; 4 if most of it"
    " is, and sure; 5 if all of it is, and wholly sure.\n\n"
    "Question: {question}\nPoints:\n{answer}\nGiven answer: {said}\n\n"
    "Give the reason for each score in one short sentence. Then end with the scores as JSON, as in:"
    ' {{"score_accuracy": 3.5, "score_relevance": 4}}'
)
SUMMARY = (
    "You score a summary of a video by comparing it with the right one. Give two whole scores from"
    " 1 to 5.\n"
    "Completeness: 1 if hardly anything that matters in the right one is covered, 2 if some, 3 if"
    " most, 4 if nearly all, 5 if all.\n"
    "Reliability: 1 if it has many errors and contradictions and is confused, 2 if several, 3 if it"
    " is right on the whole with small errors, 4 if errors are negligible and it is clear, 5 if"
    " nothing is wrong. Details that the right one lacks count against it only where they"
    " contradict it or make no sense.\n\n"
    "Right summary: {answer}\nGiven summary: {said}\n\n"
    "Give the reason for each score in one short sentence. Then end with the scores as JSON, as in:"
    ' {{"score_completeness": 3, "score_reliability": 4}}'
)
PROMPTS: dict[Kind, str] = {
    "meaning": MEANING,
    "elements": ELEMENTS,
    "caption": CAPTION,
    "option": OPTION,
    "sub_scene": SUB_SCENE,
    "summary": SUMMARY,
}
_BEGIN_OF_THOUGHTS = re.compile(r"<think(?:ing)?>", flags=re.IGNORECASE)
_END_OF_THOUGHTS = re.compile(r"</think(?:ing)?>", flags=re.IGNORECASE)
_BEGINS_CORRECT = re.compile(r"[\W_]*correct\b(?!\s+(?:answer|option|choice))")
_NOT_CORRECT = re.compile(
    r"(?:\b(?:not(?!\s+only)|never|cannot)|n['\u2019]t)\s+(?:\w+\s+){0,3}correct\b"
    r"(?!\s+(?:answer|option|choice))"
)
_VERDICT = re.compile(r"""(['"])pred\1\s*:\s*(['"])([^'"]{1,40})\2""")
_RATING = re.compile(r"""(['"])score\1\s*:\s*(['"]?)(\d(?:\.\d+)?)\2\s*[,}]""")


def request_of(kind: Kind, item: Item, said: str) -> str:
    """Return what a judge is asked about an answer."""
    answer = item.answer.replace("<AND>", " <AND> ").replace("<OR>", " <OR> ")
    return PROMPTS[kind].format(question=item.question, answer=answer, said=said.strip())


def judgement_of(kind: Kind, item: Item, reply: str) -> Judgement | None:
    """Return what a judge's reply means, None where it is not what was asked for."""
    whole = reply.removesuffix(CUT_OFF)
    if whole != reply and kind != "meaning":  # whose first closed dictionary counts
        return None
    said = _without_thoughts(whole)
    return None if said is None else _READERS[kind](said[:_LONGEST_REPLY], item)


def _without_thoughts(reply: str) -> str | None:
    """Return what follows a model's thoughts, None where they have no end.

    Where the prompt itself opens them, a reply has their end alone.
    """
    said = _END_OF_THOUGHTS.split(reply)[-1]
    return None if _BEGIN_OF_THOUGHTS.search(said) else said


def _read_meaning(reply: str, item: Item) -> Judgement | None:
    """Read the first dictionary; ratings such as 4.8 or '4' are cut to whole ones."""
    del item
    found = re.search(r"\{[^{}]*\}", reply)
    if found is None:
        return None
    verdict, rated = _VERDICT.search(found[0]), _RATING.search(found[0])
    if verdict is None or rated is None:
        return None
    says_yes, rating = "yes" in verdict[3].lower(), int(float(rated[3]))
    if rating > BEST_RATING["meaning"] or says_yes == ("no" in verdict[3].lower()):
        return None
    return Judgement(float(says_yes), rating)


def _read_sub_scene(reply: str, item: Item) -> Judgement | None:
    del item
    return _read_two_scores(reply, "score_accuracy", "score_relevance")


def _read_summary(reply: str, item: Item) -> Judgement | None:
    del item
    return _read_two_scores(reply, "score_completeness", "score_reliability")


def _read_two_scores(reply: str, *names: str) -> Judgement | None:
    """Read two scores from 1 to 5, the last of each that the reply has; their sum is the rating."""
    total = 0.0
    for name in names:
        found = re.findall(rf"""\b{name}['"]?\s*:\s*['"]?(\d+(?:\.\d+)?)""", reply)
        score = float(found[-1]) if found else 0.0
        if not 1 <= score <= 5:
            return None
        total += score
    return Judgement(total / BEST_RATING["summary"], total)


def _read_elements(reply: str, item: Item) -> Judgement | None:
    del item
    found = re.match(r"\s*\|?\s*([01](?:\.\d+)?)\b", reply)
    score = float(found[1]) if found is not None else -1.0
    return Judgement(score) if 0 <= score <= 1 else None


def _read_caption(reply: str, item: Item) -> Judgement | None:
    """Read the letter behind ``Answer:``; an answer that names several options is wrong."""
    said = re.findall(r"Answer:[ \t]*(.*)", reply)
    if not said:
        return None
    # A letter without a sign behind it may be an article: "B. A man is running"
    named = re.findall(r"(?<![A-Za-z])([A-D])[.):]", said[-1]) or [said[-1].strip(" *([])")]
    return Judgement(float(len(named) == 1 and named[0] == _letter(item)))


def _letter(item: Item) -> str | None:
    return None if item.right is None else LETTERS[item.right]


def _read_option(reply: str, item: Item) -> Judgement | None:
    """Read the word at the beginning, else any; one that is negated says the opposite of right."""
    del item
    said = reply.strip().lower()
    if _BEGINS_CORRECT.match(said):
        return Judgement(1.0)
    if "incorrect" in said or _NOT_CORRECT.search(said):
        return Judgement(0.0)
    return Judgement(1.0) if "correct" in said else None


_READERS: dict[Kind, Callable[[str, Item], Judgement | None]] = {
    "meaning": _read_meaning,
    "elements": _read_elements,
    "caption": _read_caption,
    "option": _read_option,
    "sub_scene": _read_sub_scene,
    "summary": _read_summary,
}


def match_words(kind: Kind, item: Item, said: str) -> Judgement:
    """Score an answer without a judge, by its words; stricter than a judge is.

    An open answer must equal the right one but for case, punctuation, articles and number words.
    Of a question with ``<AND>``, each element that occurs counts its share. A caption must hold the
    words of the right option and of no other one. What no comparison of words can score is wrong.
    """
    words = normalize(said)
    if kind == "elements":
        return Judgement(_share_of_elements(item.answer, words))
    if kind == "caption":
        named = [_holds(words, normalize(option[3:])) for option in item.options]
        return Judgement(float(sum(named) == 1 and named.index(True) == item.right))
    if kind == "meaning":
        right = bool(words) and words == normalize(item.answer)
        return Judgement(float(right), BEST_RATING[kind] if right else 0)
    return Judgement(0.0, 0 if kind in BEST_RATING else None)


def _share_of_elements(answer: str, words: str) -> float:
    shares = []
    for way in answer.split("<OR>"):
        there = [_holds(words, normalize(element)) for element in way.split("<AND>")]
        shares.append(sum(there) / len(there))
    return max(shares)


def _holds(words: str, part: str) -> bool:
    return bool(part) and f" {part} " in f" {words} "


def normalize(text: str) -> str:
    """Return the words of a text: lower case, no punctuation and articles, numbers as digits.

    Signs and decimal points of numbers become letters.

    A text that is nothing but articles keeps them.
    """
    signed = re.sub(r"(?<![\w.])-(?=\d)", "minus", text.lower())
    whole = re.sub(r"(?<=\d)\.(?=\d)", "point", signed)
    words = whole.translate(str.maketrans("", "", string.punctuation)).split()
    kept = [word for word in words if word not in _ARTICLES] or words
    return " ".join(_NUMBERS.get(word, word) for word in kept)
