"""Videos with a caption each: WebVid and InternVid.

Written from what public programs that read them do with their fields. WebVid is a table with
``videoid``, ``name`` (the caption) and ``page_dir``; its videos are ``page_dir/videoid.mp4``.
InternVid has ``YoutubeID``, ``Start_timestamp``, ``End_timestamp`` (0:00:19.795) and ``Caption``;
its clips are named after the first three, joined by underscores.
"""

from __future__ import annotations

from linvt_cli.training.video_data.caption_questions import caption_question
from linvt_cli.training.video_data.drafts import Candidate, Draft, published_name
from linvt_cli.training.video_data.fields import FieldError, Row, span_of, text_of, text_or_empty
from linvt_cli.training.video_data.samples import Exchange

WEBVID_COLUMNS = ("videoid", "name")
INTERNVID_COLUMNS = ("YoutubeID", "Start_timestamp", "End_timestamp", "Caption")

_START, _END = INTERNVID_COLUMNS[1:3]


def webvid_draft(row: Row) -> Draft:
    """Return what a row of WebVid says.

    Videos may also lie all in one folder, as programs that fetch them write them.

    Raises:
        FieldError: if a field is missing or something else.
    """
    name = f"{text_of(row.get('videoid'), 'videoid')}.mp4"
    page = text_or_empty(row.get("page_dir"), "page_dir")
    names = [f"{page}/{name}", name] if page else [name]
    return _draft(
        [Candidate(published_name(each, "videoid")) for each in names],
        text_of(row.get("name"), "name"),
    )


def internvid_draft(row: Row) -> Draft:
    """Return what a row of InternVid says: a clip in a file of its own, or part of a whole video.

    Raises:
        FieldError: if a field is missing or something else.
    """
    video = text_of(row.get("YoutubeID"), "YoutubeID")
    start, end = span_of(row, _START, _END)
    if start is None or end is None:
        raise FieldError(_START if start is None else _END, "is missing")
    clip = Candidate(published_name(f"{video}_{row[_START]}_{row[_END]}.mp4", "YoutubeID"))
    part = Candidate(published_name(f"{video}.mp4", "YoutubeID"), start, end)
    return _draft([clip, part], text_of(row.get("Caption"), "Caption"))


def _draft(candidates: list[Candidate], caption: str) -> Draft:
    question = caption_question(candidates[0].name, caption)
    return Draft(tuple(candidates), (Exchange(question, caption),))
