"""Conversations in the style of LLaVA, as LLaVA-Video-178K and ShareGPT4Video have them.

Each entry has ``video``, ``conversations`` with ``from`` and ``value``, and perhaps ``id`` and
``data_source``. Files are lists of JSON, or JSON Lines. Written from the cards of the data sets,
and from public programs that read them.
"""

from __future__ import annotations

from linvt_cli.training.video_data.conversations import FIELD, read_turns
from linvt_cli.training.video_data.drafts import Candidate, Draft, published_name
from linvt_cli.training.video_data.fields import FieldError, Row, shown, span_of, text_or_empty
from linvt_cli.training.video_data.samples import Exchange


def draft_of(row: Row) -> Draft:
    """Return what an entry says.

    LLaVA-Video-178K unpacks its parts into folders named like ``data_source``, so the video may be
    below that.

    Raises:
        FieldError: if a field is missing or something else, or it is about a picture.
    """
    name = published_name(_only_video(row), "video")
    source = text_or_empty(row.get("data_source"), "data_source")
    start, end = span_of(row)
    names = [name]
    if source:
        names.append(published_name(f"{source}/{name}", "data_source"))
    return Draft(
        tuple(Candidate(each, start, end) for each in names),
        tuple(Exchange(*turn) for turn in read_turns(row.get(FIELD))),
        source,
    )


def _only_video(row: Row) -> object:
    video = row.get("video")
    if video is None and row.get("image") is not None:
        raise FieldError("video", "is missing: the entry is about a picture")
    if isinstance(video, list):
        if len(video) != 1:
            raise FieldError("video", f"must be one video, not {len(video)}: {shown(video)}")
        return video[0]
    return video
