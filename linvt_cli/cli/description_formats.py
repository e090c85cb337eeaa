"""A description as text, Markdown, SubRip or WebVTT.

Texts of a model are any texts: nothing in them may end a caption, begin another or become markup.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal, get_args

from linvt_cli.errors import ConfigError

if TYPE_CHECKING:
    from linvt_cli.pipeline.timeline import Description, Segment

DescriptionForm = Literal["text", "json", "jsonl", "md", "srt", "vtt"]

_ENDINGS: dict[str, DescriptionForm] = {
    ".txt": "text",
    ".json": "json",
    ".jsonl": "jsonl",
    ".md": "md",
    ".srt": "srt",
    ".vtt": "vtt",
}
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u2028\u2029]")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~&!$])")
_MARKDOWN_START = re.compile(r"^(\d+)(?=[.)])|^(?=[-+=:])")
_SUBRIP_MARKUP = re.compile(r"[<{]")
_STAMP = re.compile(r":(?=\d+:\d+[.,]\d)")  # some readers take a line with two for a caption
_WORD_JOINER = "\u2060"  # cannot be seen, and makes mere text of a tag
_NO_TEXT = "(no description)"


def chosen_form(
    form: DescriptionForm | None, file: str | None, *, as_json: bool
) -> DescriptionForm:
    """Return the form of the output: the one named, else that of the file's ending, else text.

    Raises:
        ConfigError: if options contradict each other, or a file's ending says nothing.
    """
    if as_json and form not in (None, "json"):
        raise ConfigError(
            f"--json and --format {form} exclude each other",
            field="format",
            hint="leave out one of them",
        )
    if as_json:
        return "json"
    if form is not None or file is None:
        return form or "text"
    ending = PurePath(file).suffix.lower()
    if ending not in _ENDINGS:
        raise ConfigError(
            f"The ending of '{file}' is none of {', '.join(_ENDINGS)}",
            field="format",
            hint=f"name the format: --format {'|'.join(get_args(DescriptionForm))}",
        )
    return _ENDINGS[ending]


def text_line(segment: Segment) -> str:
    """Return a segment as one line: its times, then its text."""
    return f"{clock(segment.start)}-{clock(segment.end)}  {_spoken(segment)}"


def as_text(description: Description) -> str:
    """Return the description, an empty line, and a line for each segment."""
    lines = [description.answer.text]
    if description.timeline:
        lines += ["", *map(text_line, description.timeline)]
    return "".join(f"{line}\n" for line in lines)


def as_markdown(description: Description) -> str:
    """Return a Markdown document: the file as heading, the description, the timeline as a list."""
    name = PurePath(description.answer.video).name
    paragraphs = re.split(r"\n\s*\n", description.answer.text.strip()) or [""]
    blocks = [f"# {markdown_text(name)}", *(markdown_text(text) or _NO_TEXT for text in paragraphs)]
    if description.timeline:
        items = (
            f"- **{clock(each.start)}-{clock(each.end)}** {markdown_text(_spoken(each))}"
            for each in description.timeline
        )
        blocks += ["## Timeline", "\n".join(items)]
    return "\n\n".join(blocks) + "\n"


def as_subrip(description: Description) -> str:
    """Return SubRip captions, one for each segment."""
    cues = (
        f"{number}\n{_cue_times(each, ',')}\n{_subrip(_spoken(each))}\n"
        for number, each in enumerate(description.timeline, 1)
    )
    return "\n".join(cues)


def as_webvtt(description: Description) -> str:
    """Return WebVTT captions, one for each segment; the description is a note before them."""
    note = f"NOTE\n{_webvtt(_one_line(description.answer.text) or _NO_TEXT)}\n"
    cues = (f"{_cue_times(each, '.')}\n{_webvtt(_spoken(each))}\n" for each in description.timeline)
    return "\n".join(["WEBVTT\n", note, *cues])


def clock(seconds: float) -> str:
    """Return a time as people write it: 1:23.4, or 1:02:03.4 past an hour."""
    tenths = round(seconds * 10)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    rest = f"{tenths // 10:02}.{tenths % 10}"
    return f"{hours}:{minutes:02}:{rest}" if hours else f"{minutes}:{rest}"


def _cue_times(segment: Segment, point: str) -> str:
    start = round(segment.start * 1000)
    end = max(round(segment.end * 1000), start + 1)
    return f"{_stamp(start, point)} --> {_stamp(end, point)}"


def _stamp(milliseconds: int, point: str) -> str:
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{milliseconds:03}"


def _spoken(segment: Segment) -> str:
    if segment.error is not None:
        return f"(not described: {_one_line(segment.error.message)})"
    return _one_line(segment.text or "") or _NO_TEXT


def _one_line(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text).split())


def markdown_text(text: str) -> str:
    """Return any text as one line of Markdown that shows it as it is."""
    escaped = _MARKDOWN.sub(r"\\\1", _one_line(text))
    return _MARKDOWN_START.sub(lambda match: f"{match[1]}\\" if match[1] else "\\", escaped)


def _subrip(text: str) -> str:
    plain = _STAMP.sub(f":{_WORD_JOINER}", text.replace("-->", "→"))
    return _SUBRIP_MARKUP.sub(lambda match: match[0] + _WORD_JOINER, plain)


def _webvtt(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("-->", "→")
