"""Conversations as LLaVA writes them: turns of a human and of a model, one after the other."""

from __future__ import annotations

from collections.abc import Mapping

from linvt_cli.training.video_data.fields import FieldError, question_of, shown, text_of

FIELD = "conversations"
_ASKS = frozenset({"human", "user"})
_ANSWERS = frozenset({"gpt", "assistant"})


def read_turns(value: object) -> tuple[tuple[str, str], ...]:
    """Return the questions of a conversation, each with its answer.

    Args:
        value: a list of objects with ``from``, which is ``human`` or ``gpt`` (``user`` and
            ``assistant`` mean the same), and ``value``, a text.

    Raises:
        FieldError: if it is something else, or a question has no answer.
    """
    if not isinstance(value, list):
        raise FieldError(FIELD, f"is no list: {shown(value)}")
    if not value:
        raise FieldError(FIELD, "is empty")
    if len(value) % 2:
        raise FieldError(FIELD, f"has an odd number of turns, {len(value)}: one has no answer")
    return tuple(
        (
            question_of(_said(value, place, _ASKS, "human"), f"{FIELD}[{place}].value"),
            text_of(_said(value, place + 1, _ANSWERS, "gpt"), f"{FIELD}[{place + 1}].value"),
        )
        for place in range(0, len(value), 2)
    )


def _said(turns: list[object], place: int, speakers: frozenset[str], expected: str) -> object:
    turn = turns[place]
    if not isinstance(turn, Mapping):
        raise FieldError(
            f"{FIELD}[{place}]", f"is no object with 'from' and 'value': {shown(turn)}"
        )
    speaker = turn.get("from")
    if not isinstance(speaker, str) or speaker not in speakers:
        raise FieldError(
            f"{FIELD}[{place}].from", f"must be '{expected}' at this place, not {shown(speaker)}"
        )
    return turn.get("value")
