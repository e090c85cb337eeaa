"""VideoChat2-IT: lists of entries with ``video`` and ``QA``, each with ``i``, ``q`` and ``a``.

Written from the reader of the data set's authors, ``video_chat2/dataset/it_dataset.py`` in the
repository OpenGVLab/Ask-Anything. There the instruction ``i`` of the first question stands before
the conversation. Here it stands before its question, once until another takes its place, since
LinVT is guided by the question alone. Sets of captions have an empty ``q``: the instruction is the
question then.
"""

from __future__ import annotations

from collections.abc import Mapping

from linvt_cli.training.video_data.caption_questions import caption_question
from linvt_cli.training.video_data.drafts import Candidate, Draft, published_name
from linvt_cli.training.video_data.fields import (
    FieldError,
    Row,
    shown,
    span_of,
    text_of,
    text_or_empty,
    without_placeholders,
)
from linvt_cli.training.video_data.samples import Exchange


def draft_of(row: Row) -> Draft:
    """Return what an entry says.

    Raises:
        FieldError: if a field is missing or something else, or it is about a picture.
    """
    if row.get("video") is None and row.get("image") is not None:
        raise FieldError("video", "is missing: the entry is about a picture")
    name = published_name(row.get("video"), "video")
    start, end = span_of(row)
    return Draft((Candidate(name, start, end),), _exchanges(row.get("QA"), name))


def _exchanges(value: object, name: str) -> tuple[Exchange, ...]:
    if not isinstance(value, list) or not value:
        raise FieldError("QA", f"is no list with questions: {shown(value)}")
    exchanges: list[Exchange] = []
    told = ""
    for place, turn in enumerate(value):
        if not isinstance(turn, Mapping):
            raise FieldError(f"QA[{place}]", f"is no object: {shown(turn)}")
        instruction = text_or_empty(turn.get("i"), f"QA[{place}].i")
        question = text_or_empty(turn.get("q"), f"QA[{place}].q")
        answer = text_of(turn.get("a"), f"QA[{place}].a")
        new = instruction if instruction != told or not question else ""
        told = instruction or told
        asked = without_placeholders("\n".join(filter(None, (new, question))))
        exchanges.append(Exchange(asked or caption_question(name, answer), answer))
    return tuple(exchanges)
