"""Listening to what libav says while it decodes: of damage it tells in messages only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import av

Message = tuple[int, str, str]  # libav's level, the speaker, the text


@contextmanager
def listening(messages: list[Message]) -> Iterator[None]:
    """Collects libav's messages of this thread into the list.

    Only for decoders with one thread: the messages of others would wait for Python's lock, which
    this thread may hold.
    """
    av.logging.set_skip_repeated(False)
    with av.logging.Capture(local=True) as heard:
        av.logging.set_level(av.logging.INFO)
        try:
            yield
        finally:
            av.logging.set_level(None)
            messages += heard


def tell_of_damage(messages: Iterable[Message]) -> bool:
    """Whether one of the messages is an error or says that damage was painted over."""
    return any(
        level <= av.logging.ERROR or text.lstrip().startswith("concealing")
        for level, _, text in messages
    )
