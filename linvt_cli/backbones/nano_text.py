"""Nano's text side: its tokenizer, its template, and what becomes of questions and answers.

It needs no weights, and it can be sent to another process: whoever prepares what nano is to read
needs nothing else of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Tokenizer

from linvt_cli.types import Turn

SPECIAL_TOKENS = ("<pad>", "<bos>", "<eos>", "<video>", "</video>", "<answer>")


class NanoText:
    """What nano reads and writes, as token ids."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        tokenizer.encode_special_tokens = True  # a question cannot forge the template's marks
        vocabulary = tokenizer.get_vocab()
        self._id = {token: vocabulary[token] for token in SPECIAL_TOKENS}

    def __reduce__(self) -> tuple[type[NanoText], tuple[Tokenizer]]:
        """Rebuild from the tokenizer, whose own pickle forgets how it treats special tokens."""
        return NanoText, (self.tokenizer,)

    @property
    def end_id(self) -> int:
        """What ends an answer."""
        return self._id["<eos>"]

    def render_prompt(
        self, question: str, num_images: int = 1, history: Sequence[Turn] = ()
    ) -> list[list[int]]:
        """Return the ids of the template before and after the video, which is one image to nano."""
        if num_images != 1:
            raise ValueError("Nano reads all frames as one image")
        if history:
            raise ValueError("Nano was trained on single questions")
        prefix = [self._id["<bos>"], self._id["<video>"]]
        suffix = [self._id["</video>"], *self.encode_question(question), self._id["<answer>"]]
        return [prefix, suffix]

    def encode_question(self, question: str) -> list[int]:
        """Return the ids of a question; case and spacing make no difference to nano."""
        ids: list[int] = self.tokenizer.encode(" ".join(question.lower().split())).ids
        return ids

    def encode_answer(self, answer: str) -> list[int]:
        """Return the ids of an answer with the end mark: what training asks for."""
        return [*self.tokenizer.encode(answer.lower()).ids, self.end_id]
