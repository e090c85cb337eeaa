"""Chat templates as token ids, exactly as each image-LLM was trained with them.

A template is text with marks of its own; a question is only text, and whatever looks like a mark in
it is read letter by letter, so that nobody writes a second system line from there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from linvt_cli.backbones.text_tokenizers import inner_reader
from linvt_cli.types import Turn

ENGLISH_ASSISTANT = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives"
    " helpful, detailed, and polite answers to the user's questions."
)


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """The text of a conversation: before the images, around each image, around each question."""

    before: str
    after: str  # the question; ends where the answer begins
    image_label: str = ""  # stands before each of several images; {number} counts them from 1
    image_start: str = ""
    image_end: str = ""
    between: str = ""  # follows every image
    asking: str = ""  # stands before the question
    answering: str = ""  # stands before the answer in training, and belongs to its first token
    going_on: str | None = None  # between an answer and the next question; None for single ones


class Chat:
    """A chat template with the tokenizer that reads it.

    Args:
        tokenizer: of transformers.
        template: the text.
        image_mark: the mark that stands for an image's tokens, where the vocabulary has one: then a
            prompt is encoded in one go and cut there. Without one, each piece is encoded alone.
    """

    def __init__(self, tokenizer: Any, template: ChatTemplate, image_mark: str | None) -> None:
        self.tokenizer = tokenizer
        self.template = template
        self.image_mark = image_mark
        self._marks = _pattern_of_marks(tokenizer)
        self._inner = inner_reader(tokenizer)

    def render(
        self, question: str, num_images: int, history: Sequence[Turn] = ()
    ) -> list[list[int]]:
        """Return the ids around each image: ``num_images`` + 1 lists.

        The first begins with the tokenizer's mark of beginning, where it puts one. The images stand
        in the first turn of the history.

        Raises:
            ValueError: if there is a history, and the template knows none.
        """
        template = self.template
        label = template.image_label if num_images > 1 else ""
        starts = [label.format(number=n + 1) + template.image_start for n in range(num_images)]
        end = template.image_end + template.between
        first, *others = starts
        pieces = [
            template.before + first,
            *(end + start for start in others),
            end + template.asking,
        ]
        spoken = self._spoken(question, history)
        if all(self._marks.search(words) is None for words, _ in spoken):
            pieces[-1] += "".join(words + behind for words, behind in spoken)
            return self._encode(pieces)
        # Between two marks a tokenizer reads by itself, so that part can be encoded by itself.
        pieces[-1], mere = self._cut_behind_last_mark(pieces[-1])
        encoded = self._encode(pieces)
        for words, behind in spoken:
            before, rest = self._cut_before_first_mark(behind)
            mere += words + before
            if rest:
                marks, ahead = self._cut_behind_last_mark(rest)
                encoded[-1] += self._encode_inner(mere)
                encoded[-1] += self.tokenizer.encode(marks, add_special_tokens=False)
                mere = ahead
        encoded[-1] += self._encode_inner(mere)
        return encoded

    def _spoken(self, question: str, history: Sequence[Turn]) -> list[tuple[str, str]]:
        """What was said, by either side, each with the template's text behind it."""
        template = self.template
        if history and template.going_on is None:
            raise ValueError("The template is one of single questions")
        spoken = []
        for turn in history:
            spoken.append((turn.question, template.after + template.answering))
            spoken.append((turn.answer, template.going_on or ""))
        return [*spoken, (question, template.after)]

    def encode_answer(self, answer: str) -> list[int]:
        """Return the ids of an answer as they follow the template, where they can be told apart.

        A tokenizer may read a text otherwise at its beginning than behind other text, so the answer
        is read behind the end of the template.
        """
        text = self.template.answering + answer
        if self._marks.search(text) is None:
            before, whole = (
                self.tokenizer.encode(self.template.after + words, add_special_tokens=False)
                for words in ("", text)
            )
            if whole[: len(before)] == before:
                behind: list[int] = whole[len(before) :]
                return behind
        return self._encode_inner(text)

    def encode_text(self, text: str) -> list[int]:
        """Return the ids of mere text, standing alone: marks in it mean nothing."""
        ids: list[int] = self.tokenizer.encode(
            text, add_special_tokens=False, split_special_tokens=True
        )
        return ids

    def _encode_inner(self, text: str) -> list[int]:
        """Return the ids of mere text behind other text."""
        if self._inner is None:
            return self.encode_text(text)
        ids: list[int] = self._inner.encode(text, add_special_tokens=False).ids
        return ids

    def _encode(self, pieces: list[str]) -> list[list[int]]:
        if self.image_mark is None:
            first, *rest = pieces
            alone = [self.tokenizer.encode(piece, add_special_tokens=False) for piece in rest]
            return [self.tokenizer.encode(first), *alone]
        mark = self.tokenizer.convert_tokens_to_ids(self.image_mark)
        return _cut(self.tokenizer.encode(self.image_mark.join(pieces)), mark)

    def _cut_behind_last_mark(self, text: str) -> tuple[str, str]:
        ends = [match.end() for match in self._marks.finditer(text)]
        return (text[: ends[-1]], text[ends[-1] :]) if ends else ("", text)

    def _cut_before_first_mark(self, text: str) -> tuple[str, str]:
        match = self._marks.search(text)
        return (text, "") if match is None else (text[: match.start()], text[match.start() :])


def _pattern_of_marks(tokenizer: Any) -> re.Pattern[str]:
    """Return what finds a tokenizer's marks, each with the blanks around it that it swallows."""
    known = {token.content: token for token in tokenizer.added_tokens_decoder.values()}
    names = {*tokenizer.get_added_vocab(), *tokenizer.all_special_tokens}
    longest_first = sorted(filter(None, names), key=len, reverse=True)
    patterns = []
    for name in longest_first:
        left, right = (getattr(known.get(name), side, False) for side in ("lstrip", "rstrip"))
        patterns.append((r"\s*" if left else "") + re.escape(name) + (r"\s*" if right else ""))
    return re.compile("|".join(patterns) or r"(?!)")


def _cut(ids: list[int], mark: int) -> list[list[int]]:
    pieces: list[list[int]] = [[]]
    for token in ids:
        if token == mark:
            pieces.append([])
        else:
            pieces[-1].append(token)
    return pieces
