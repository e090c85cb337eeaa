"""What a model is asked: the question of an item in the form that its benchmark uses.

Suffixes are the published ones. Sentences around them follow the published prompts in what they
say, not word for word, and nothing is put into the model's mouth: where a benchmark begins the
answer itself, with ``Best option: (``, that stands at the end of the question here.
"""

from __future__ import annotations

from linvt_cli.evaluation.items import LETTERS, Item
from linvt_cli.evaluation.tempcompass import SUFFIXES

VERSION = 1
"""Of the prompts; rises when one of them changes, so that results can be told apart."""

_MVBENCH = (
    "Watch the video closely: what happens and why, in which order, how things look and move, and"
    " what people do and how they stand. Choose the option that answers the question best.\n"
)
_MLVU = (
    "Watch this video closely, and heed every detail. Choose the option that answers the question"
    " best.\n"
)
_MLVU_GENERATION = (
    "Watch this video closely, and heed every detail. Answer the question from what you see.\n"
)
_LETTER_ALONE = "Answer with the option's letter from the given choices directly."
_SUBTITLES = "This video's subtitles are listed below:\n"


def mvbench(item: Item, spoken: str) -> str:
    """Options in brackets, and only the best option is wanted."""
    del spoken
    return f"{_MVBENCH}{_bracketed(item)}\nOnly give the best option."


def mlvu(item: Item, spoken: str) -> str:
    """As MVBench, with the beginning of the answer."""
    del spoken
    return f"{_MLVU}{_bracketed(item)}\nOnly give the best option.\nBest option: ("


def mlvu_generation(item: Item, spoken: str) -> str:
    """A wish for attention, and the question."""
    del spoken
    return f"{_MLVU_GENERATION}{item.question}"


def letter(item: Item, spoken: str) -> str:
    """Question and lettered lines, then a plain wish for a letter; subtitles come before."""
    return f"{_listed(spoken)}{item.question}\n{_lettered(item)}\n{_LETTER_ALONE}"


def video_mme(item: Item, spoken: str) -> str:
    """A wish for a letter, question and lines, and the beginning of the answer."""
    letters = ", ".join(LETTERS[: len(item.options) - 1])
    wish = (
        "Choose the best answer to this multiple-choice question about the video"
        f"{' and its subtitles' if spoken else ''}. Give only the letter ({letters}, or"
        f" {LETTERS[len(item.options) - 1]}) of the right option."
    )
    return f"{_listed(spoken)}{wish}\n{item.question}\n{_lettered(item)}\nThe best answer is:"


def short_answer(item: Item, spoken: str) -> str:
    """The question as a sentence, and a wish for few words."""
    del spoken
    question = item.question.strip()
    question = question[:1].upper() + question[1:]
    if question[-1] not in ".?!":
        question += "?"
    return f"{question}\nAnswer the question with a single word or phrase."


def alone(item: Item, spoken: str) -> str:
    """Nothing but the question."""
    del spoken
    return item.question


def own(item: Item, spoken: str) -> str:
    """An open question as it stands, one with options with a wish for a letter."""
    return letter(item, spoken) if item.options else item.question


def temp_compass(item: Item, spoken: str) -> str:
    """The question, which holds its options, with the suffix of its task."""
    del spoken
    return f"{item.question}{SUFFIXES[item.task]}"


def _bracketed(item: Item) -> str:
    lines = "\n".join(f"({LETTERS[place]}) {option}" for place, option in enumerate(item.options))
    return f"Question: {item.question}\nOptions:\n{lines}"


def _lettered(item: Item) -> str:
    return "\n".join(f"{LETTERS[place]}. {option}" for place, option in enumerate(item.options))


def _listed(spoken: str) -> str:
    return f"{_SUBTITLES}{spoken}\n" if spoken else ""
