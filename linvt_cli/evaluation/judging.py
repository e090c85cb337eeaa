"""Answers that need a judge: what it is asked, what its replies mean, and the match without one."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from linvt_cli.evaluation.items import LETTERS, Item

Kind = Literal["meaning", "elements", "caption", "option"]
"""How an answer is judged: yes or no with 0 to 5, 0 to 1 by elements, a caption by the option it
implies, or an answer that no rule matches by right or wrong."""

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

    def reply(self, request: str, attempt: int) -> str:
        """Return a reply; another attempt may give another one.

        Raises:
            LinVTError: if it gives none.
        """


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an answer is worth."""

    score: float  # in [0, 1]
    rating: int | None = None  # 0 to 5, of the kind "meaning"


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
PROMPTS: dict[Kind, str] = {
    "meaning": MEANING,
    "elements": ELEMENTS,
    "caption": CAPTION,
    "option": OPTION,
}


def request_of(kind: Kind, item: Item, said: str) -> str:
    """Return what a judge is asked about an answer."""
    answer = item.answer.replace("<AND>", " <AND> ").replace("<OR>", " <OR> ")
    return PROMPTS[kind].format(question=item.question, answer=answer, said=said.strip())


def judgement_of(kind: Kind, item: Item, reply: str) -> Judgement | None:
    """Return what a judge's reply means, None where it is not what was asked for."""
    return _READERS[kind](reply, item)


def _read_meaning(reply: str, item: Item) -> Judgement | None:
    """Read the first dictionary; ratings such as 4.8 or '4' are cut to whole ones."""
    del item
    found = re.search(r"\{[^{}]*\}", reply)
    if found is None:
        return None
    try:
        said = ast.literal_eval(found[0])
        verdict, rating = str(said["pred"]).lower(), int(float(said["score"]))
    except (ValueError, SyntaxError, KeyError, TypeError, OverflowError):
        return None
    if not 0 <= rating <= 5 or ("yes" in verdict) == ("no" in verdict):
        return None
    return Judgement(float("yes" in verdict), rating)


def _read_elements(reply: str, item: Item) -> Judgement | None:
    del item
    found = re.match(r"\s*\|?\s*([01](?:\.\d+)?)\b", reply)
    score = float(found[1]) if found is not None else -1.0
    return Judgement(score) if 0 <= score <= 1 else None


def _read_caption(reply: str, item: Item) -> Judgement | None:
    """Read the letter behind ``Answer:``; an answer that names several options is wrong."""
    said = re.findall(r"Answer:\s*(.*)", reply)
    if not said:
        return None
    named = re.findall(r"(?<![A-Za-z])([A-D])(?:[.):\s]|$)", said[-1])
    return Judgement(float(len(named) == 1 and LETTERS.index(named[0]) == item.right))


def _read_option(reply: str, item: Item) -> Judgement | None:
    del item
    said = reply.strip().lower()
    if "incorrect" in said:
        return Judgement(float(said.startswith("correct")))
    return Judgement(1.0) if "correct" in said else None


_READERS: dict[Kind, Callable[[str, Item], Judgement | None]] = {
    "meaning": _read_meaning,
    "elements": _read_elements,
    "caption": _read_caption,
    "option": _read_option,
}


def match_words(kind: Kind, item: Item, said: str) -> Judgement:
    """Score an answer without a judge, by its words; stricter than a judge is.

    An open answer must equal the right one but for case, punctuation, articles and number words.
    Of a question with ``<AND>``, each element that occurs counts its share. A caption must hold the
    words of the right option and of no other one.
    """
    if kind == "elements":
        return Judgement(_share_of_elements(item.answer, normalize(said)))
    if kind == "caption":
        named = [normalize(option[3:]) in normalize(said) for option in item.options]
        return Judgement(float(sum(named) == 1 and named.index(True) == item.right))
    if kind == "option":
        return Judgement(0.0)
    right = normalize(said) == normalize(item.answer)
    return Judgement(float(right), 5 if right else 0)


def _share_of_elements(answer: str, said: str) -> float:
    shares = []
    for way in answer.split("<OR>"):
        elements = [normalize(element) for element in way.split("<AND>")]
        there = [bool(element) and f" {element} " in f" {said} " for element in elements]
        shares.append(sum(there) / len(there))
    return max(shares)


def normalize(text: str) -> str:
    """Return the words of a text: lower case, no punctuation and articles, numbers as digits."""
    bare = text.lower().translate(str.maketrans("", "", string.punctuation))
    return " ".join(_NUMBERS.get(word, word) for word in bare.split() if word not in _ARTICLES)
