"""Which option an answer names: the rules that the benchmarks publish, each with its own corners.

Every rule returns the place of the option, or None where it finds none. Some published scripts
draw an option by lot then, and one takes an empty answer for a right one; here that is no answer.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable

from linvt_cli.evaluation.items import LETTERS, Item

_PREFIXES = (
    "The best answer is",
    "The correct answer is",
    "The answer is",
    "The answer",
    "The best option is",
    "The correct option is",
    "Best answer:",
    "Best option:",
)
# Video-MME's published list lacks two commas, so that its last four entries are two.
_PREFIXES_OF_VIDEO_MME = (
    *_PREFIXES[:4],
    "The best option isThe correct option is",
    "Best answer:Best option:",
)
_EDGES = ",.!?;:'" + string.whitespace

LetterRule = Callable[[str, Item], int | None]


def first_word(text: str, item: Item) -> int | None:
    """MVBench: the first word of the answer is part of ``(a)``, or ``(a)`` part of it.

    So ``(A)``, ``A``, ``a.`` and ``(A)Open`` name the first option; ``The answer is (A)`` names
    none. A word such as ``(``, which is part of every option's letter, names none here.
    """
    words = text.removeprefix("Answer: ").lower().split()
    if not words:
        return None
    word = words[0]
    bare = word.replace(".", "")
    letters = [f"({letter.lower()})" for letter in LETTERS[: len(item.options)]]
    named = [
        place for place, letter in enumerate(letters) if (bare and bare in letter) or letter in word
    ]
    return named[0] if len(named) == 1 else None


def before_bracket(text: str, item: Item) -> int | None:
    """MLVU: the sign before the first ``)``; without one, the answer must be a letter alone.

    So ``A``, ``A)``, ``(A) red`` and ``(A)`` name the first option; ``A.``, ``A. red`` and ``a``
    name none.
    """
    named = text
    if ")" in text:
        place = text.index(")")
        named = text[place - 1 : place] if place else ""
    letters = LETTERS[: len(item.options)]
    return letters.index(named) if len(named) == 1 and named in letters else None


def first_capital(text: str, item: Item) -> int | None:
    """LongVideoBench: the first capital of an option behind a usual beginning.

    So ``The best answer is B`` names the second option, and so does ``Because …``: its B.
    """
    return _first_capital(text, item, _PREFIXES)


def first_capital_even_of_best(text: str, item: Item) -> int | None:
    """Video-MME: the same, but ``Best answer:`` and ``Best option:`` are no beginnings.

    So ``Best option: C`` names the second option, by the B of its first word, as the published
    script has it.
    """
    return _first_capital(text, item, _PREFIXES_OF_VIDEO_MME)


def _first_capital(text: str, item: Item, prefixes: tuple[str, ...]) -> int | None:
    rest = text.strip()
    for prefix in prefixes:
        rest = rest.replace(prefix, "")
    found = re.search(f"[{LETTERS[: len(item.options)]}]", rest)
    return None if found is None else LETTERS.index(found[0])


def first_sign(text: str, item: Item) -> int | None:
    """VideoVista: the first sign of the answer, as its authors' script reads it since June 2024.

    So ``B``, ``B. red`` and ``Blue`` name the second option; ``(B)`` and ``The answer is B`` none.
    """
    named = text.strip()[:1]
    letters = LETTERS[: len(item.options)]
    return letters.index(named) if named and named in letters else None


def option_or_letter(text: str, item: Item) -> int | None:
    """Your own questions: the one option that an answer repeats, else as NExT-QA's are read.

    So ``Blue.`` and ``A dog`` name options, as they would in training, where no letters are taught.
    """
    said = _plain(text)
    same = [place for place, option in enumerate(item.options) if _plain(option) == said]
    return same[0] if said and len(same) == 1 else earliest_letter(text, item)


def _plain(text: str) -> str:
    return " ".join(text.casefold().strip(_EDGES).split())


# Of a letter, in the order in which they are looked for.
_FORMS = (
    r"\(([{letters}])\)",
    r"^([{letters}])(?=[.)])",
    r"(?<![A-Za-z])([{letters}])(?= |$)",
    r"(?<![A-Za-z])([{letters}])(?=[.)])",
)


def earliest_letter(text: str, item: Item) -> int | None:
    """NExT-QA and EgoSchema: ``(A)`` anywhere; only without one ``A`` alone; at last ``A.``.

    Neither publishes a rule for generated answers; this is the one of MMMU, by which lmms-eval
    reads those of NExT-QA, without its lot. Of several letters in one form the first counts here,
    the last there. Besides, ``A.`` or ``A)`` at the very beginning goes before a letter alone, so
    that ``D. A book`` names the fourth option and not the first; a letter inside a word is none;
    and ``A)`` is read like ``A.``. Where there is no letter and the answer has more than five
    words, the option whose words it repeats first counts.
    """
    said = text.strip(_EDGES)
    letters = LETTERS[: len(item.options)]
    for form in _FORMS:
        found = re.search(form.format(letters=letters), said)
        if found is not None:
            return letters.index(found[1])
    if len(said.split()) <= 5:
        return None
    places = [said.lower().find(option.lower()) for option in item.options]
    named = [(at, place) for place, at in enumerate(places) if at >= 0]
    return min(named)[1] if named else None
