"""What a benchmark asks: one question about one video, with its right answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from linvt_cli.errors import DatasetError

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
Groups = tuple[tuple[str, str], ...]
"""Pairs such as ``("task", "Action Count")``: a dimension, and a category of it."""


def category_of(groups: Groups, dimension: str) -> str:
    """Return the category of a dimension, an empty text where there is none."""
    return next((name for dim, name in groups if dim == dimension), "")


@dataclass(frozen=True, slots=True)
class Subtitle:
    """What is said between two moments of a video, in seconds."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Item:
    """One question of a benchmark.

    ``right`` is the place of the right option, None where the question is open or its answer is
    not public. A benchmark says which dimension of the ``groups`` comes first. With ``frame_rate``
    the video is a folder of pictures.
    """

    id: str
    video: Path
    question: str
    options: tuple[str, ...] = ()
    right: int | None = None
    answer: str = ""  # of an open question
    groups: Groups = ()
    task: str = ""  # how it is asked and scored, where a benchmark has several ways
    start: float | None = None  # s
    end: float | None = None
    frame_rate: float | None = None  # pictures a second
    subtitles: tuple[Subtitle, ...] = ()

    @property
    def has_answer(self) -> bool:
        """Whether the right answer is known here."""
        return self.right is not None or bool(self.answer)

    @property
    def expected(self) -> str | None:
        """The right answer as it is shown: a letter, or the words; None where it is not known."""
        if self.right is not None:
            return LETTERS[self.right]
        return self.answer or None


@dataclass(frozen=True, slots=True)
class BrokenItem:
    """A row of a benchmark that cannot be asked, and why."""

    id: str
    groups: Groups  # empty where the row does not tell them
    error: DatasetError
    has_answer: bool = True  # False where its right answer is not public


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Which part of a benchmark is read."""

    split: str
    categories: tuple[str, ...] = ()  # of any dimension; all where empty
    subtitles: bool = False

    def takes(self, groups: Groups) -> bool:
        """Whether something of these groups was asked for."""
        if not self.categories:
            return True
        wanted = {category.casefold() for category in self.categories}
        return any(name.casefold() in wanted for _, name in groups)

    def tasks(self, known: tuple[str, ...]) -> tuple[str, ...]:
        """Return the tasks whose files are needed: all, unless only names of tasks were given."""
        wanted = {category.casefold() for category in self.categories}
        chosen = tuple(task for task in known if task.casefold() in wanted)
        return chosen if wanted and len(chosen) == len(wanted) else known


Read = Iterator[Item | BrokenItem]
"""What a reader yields."""
