"""From what a model said to what it is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from linvt_cli.errors import JudgementError
from linvt_cli.evaluation.benchmarks import Benchmark
from linvt_cli.evaluation.embeddings import EmbeddingMatch
from linvt_cli.evaluation.items import LETTERS, Item
from linvt_cli.evaluation.judging import (
    BEST_RATING,
    Judge,
    Judgement,
    Kind,
    judgement_of,
    match_words,
    request_of,
)
from linvt_cli.evaluation.mlvu import SUB_SCENE, SUMMARY

By = Literal["letter", "letter-likelihood", "text-likelihood"]
"""How an option is chosen: the letter that is generated, the likeliest letter, or the likeliest
text."""

Scorer = Judge | EmbeddingMatch
"""What may score an answer that no rule settles."""

EXACT = "the match of words"
"""Label of scores without a judge."""

_KIND_OF_TASK: dict[str, Kind] = {
    "captioning": "caption",
    SUB_SCENE: "sub_scene",
    SUMMARY: "summary",
}
_ATTEMPTS = 3  # at a reply that means something


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer is worth."""

    prediction: str | None  # the option that was named; None where none was, or of open questions
    score: float | None  # in [0, 1]; None where the right answer is not public
    rating: float | None = None  # of the kinds in BEST_RATING
    scored_by: str = "rule"  # or "words", "embeddings", "judge"


def choices_for(item: Item, by: By) -> tuple[str, ...]:
    """Return the texts whose likelihood is compared: of options that say the same, the first."""
    if by == "text-likelihood" or item.task == "yes_no":
        first: dict[str, str] = {}
        for option in item.options:
            first.setdefault(_told_apart(option), option)
        return tuple(first.values())
    if item.task == "caption_matching":
        return tuple(option.split(": ", 1)[0] for option in item.options)
    return tuple(LETTERS[: len(item.options)])


def place_of_choice(item: Item, by: By, number: int) -> int:
    """Return which option the choice of a number is; of those that say the same, the right one."""
    choices = choices_for(item, by)
    if len(choices) == len(item.options):
        return number
    same = [
        place
        for place, option in enumerate(item.options)
        if _told_apart(option) == _told_apart(choices[number])
    ]
    return item.right if item.right in same else same[0]


def _told_apart(text: str) -> str:
    """Return a text without what does not tell choices apart."""
    return " ".join(text.casefold().split()).removesuffix(".")


def is_choice(benchmark: Benchmark, item: Item) -> bool:
    """Whether options are offered, and one of them is to be named."""
    return benchmark.rule is not None and bool(item.options) and item.task != "captioning"


def score_place(item: Item, place: int | None) -> Verdict:
    """Score an option that was named, or that none was: that is never right."""
    letter = None if place is None else LETTERS[place]
    if item.right is None:
        return Verdict(letter, None)
    return Verdict(letter, float(place == item.right))


def kind_of(benchmark: Benchmark, item: Item) -> Kind | None:
    """Return how an answer that no rule settles is judged."""
    return _KIND_OF_TASK.get(item.task, benchmark.judged)


def score_answer(benchmark: Benchmark, item: Item, said: str, judge: Scorer | None) -> Verdict:
    """Score what a model wrote.

    An answer without a word is wrong, and no judge is asked about it.

    Args:
        benchmark: of the question.
        item: the question.
        said: the whole answer.
        judge: asked where no rule settles it; without one, words are compared. Embeddings can
            stand for one where the meaning of an open answer is judged.

    Raises:
        JudgementError: if the judge gives no reply that means something.
        JudgeError: if it gives none at all.
    """
    if is_choice(benchmark, item) and benchmark.rule is not None:
        place = benchmark.rule(said, item) if said.strip() else None
        if place is not None or judge is None or benchmark.judged is None or not said.strip():
            return score_place(item, place)
    kind = kind_of(benchmark, item)
    if kind is None:
        return Verdict(None, 0.0)
    if not said.strip():
        is_rated = kind in BEST_RATING and not isinstance(judge, EmbeddingMatch)
        return Verdict(None, 0.0, 0 if is_rated else None)
    if judge is None:
        judged = match_words(kind, item, said)
        return Verdict(None, judged.score, judged.rating, scored_by="words")
    if isinstance(judge, EmbeddingMatch):
        return Verdict(None, judge.judge(item.answer, said).score, scored_by="embeddings")
    judged = _asked(judge, kind, item, said)
    return Verdict(None, judged.score, judged.rating, scored_by="judge")


def _asked(judge: Judge, kind: Kind, item: Item, said: str) -> Judgement:
    request = request_of(kind, item, said)

    def means(reply: str) -> bool:
        return judgement_of(kind, item, reply) is not None

    reply = ""
    for attempt in range(_ATTEMPTS):
        reply = judge.reply(request, attempt, means)
        judged = judgement_of(kind, item, reply)
        if judged is not None:
            return judged
    shown = " ".join(reply.split())[:80]
    raise JudgementError(
        f"The judge's reply about question {item.id} is no judgement: '{shown}'",
        hint="--resume asks it again",
    )
