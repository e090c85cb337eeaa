from __future__ import annotations

import io

import pysubs2
import pytest
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from linvt_cli.cli.description_formats import (
    as_markdown,
    as_subrip,
    as_text,
    as_webvtt,
    chosen_form,
    clock,
)
from linvt_cli.errors import ConfigError, VideoDecodeError
from linvt_cli.pipeline.timeline import Description, Segment
from linvt_cli.types import Answer, Frames, GenerationStats, ModelInfo, VideoInfo

ODD_TEXTS = [
    "A dog runs.",
    "",
    "  \n ",
    "one\ntwo\r\n\r\nthree",
    "5\n00:00:01,000 --> 00:00:02,000\nnot a caption",
    "a --> b",
    "<b>bold</b> <i>{\\an8}up</i>",
    "Q&A: 1 < 2 > 0 &lt;",
    "NOTE nothing",
    "# no heading\n- no item\n\n    no code",
    "*no* _emphasis_ [no](link) `code` ![no](image) | table |",
    "\x00\x1b[31m\u2028\u202e",
    "✓ é 日本 🦊",
]


def described(
    *segments: Segment, whole: str = "A dog runs.", video: str = "a/dog.mp4"
) -> Description:
    from pathlib import Path

    import numpy as np

    info = VideoInfo(Path(video), 4, 4, 10.0, 10, "h264", "pyav")
    frames = Frames(np.zeros((1, 4, 4, 3), np.uint8), (0.0,), info, 1.0)
    stats = GenerationStats(4, 4, 9, 3, 0.1, 0.1)
    answer = Answer(
        video, "What?", whole, "stop", ModelInfo("tiny", "mean", None), frames, stats, 0.1, 0.1
    )
    return Description(answer, segments)


def texts(*each: str | None) -> tuple[Segment, ...]:
    return tuple(Segment(float(n), n + 0.5, text) for n, text in enumerate(each))


def test_text_is_the_description_and_a_line_for_each_segment():
    description = described(*texts("One.", "Two\nlines."), Segment(3725.25, 3730.0, "Late."))
    assert as_text(description) == (
        "A dog runs.\n\n0:00.0-0:00.5  One.\n0:01.0-0:01.5  Two lines.\n"
        "1:02:05.2-1:02:10.0  Late.\n"
    )


def test_without_segments_text_is_the_description_alone():
    assert as_text(described()) == "A dog runs.\n"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0:00.0"),
        (9.96, "0:10.0"),
        (59.96, "1:00.0"),
        (3599.99, "1:00:00.0"),
        (90061, "25:01:01.0"),
    ],
)
def test_clock_times_carry_over(seconds, shown):
    assert clock(seconds) == shown


@pytest.mark.parametrize("odd", ODD_TEXTS)
def test_subrip_has_one_caption_for_each_segment_whatever_the_texts(odd):
    parsed = pysubs2.SSAFile.from_string(as_subrip(described(*texts(odd, "Two."))), format_="srt")
    assert [(event.start, event.end) for event in parsed] == [(0, 500), (1000, 1500)]
    assert [event.plaintext for event in parsed][1] == "Two."
    assert parsed[0].plaintext.strip()
    assert "\n" not in parsed[0].plaintext
    assert "{\\an8}" not in parsed[0].text


@pytest.mark.parametrize("odd", ODD_TEXTS)
def test_webvtt_has_one_caption_for_each_segment_whatever_the_texts(odd):
    text = as_webvtt(described(*texts(odd, "Two."), whole=odd))
    captions = webvtt.from_string(text).captions
    assert [(each.start, each.end) for each in captions] == [
        ("00:00:00.000", "00:00:00.500"),
        ("00:00:01.000", "00:00:01.500"),
    ]
    assert captions[1].text == "Two."
    assert captions[0].raw_text.strip()
    assert "<" not in captions[0].raw_text
    assert text.count("-->") == 2


@given(st.text(), st.text())
@settings(max_examples=60, deadline=None)
def test_any_text_stays_inside_its_caption(one, two):
    description = described(*texts(one, two), whole=one)
    assert len(pysubs2.SSAFile.from_string(as_subrip(description), format_="srt")) == 2
    assert len(webvtt.from_buffer(io.StringIO(as_webvtt(description))).captions) == 2


@pytest.mark.parametrize("odd", ODD_TEXTS)
def test_markdown_has_the_same_shape_whatever_the_texts(odd):
    document = as_markdown(described(*texts(odd, "Two."), whole="A dog.", video=f"{odd}.mp4"))
    kinds = [token.type for token in MarkdownIt().parse(document) if token.nesting >= 0]
    assert kinds == [
        *("heading_open", "inline", "paragraph_open", "inline", "heading_open", "inline"),
        *("bullet_list_open", *("list_item_open", "paragraph_open", "inline") * 2),
    ]


@pytest.mark.parametrize("odd", ["*a* <b> [c](d) `e` #f ~~g~~ &amp; \\", "1. one", "- one", "> q"])
def test_markdown_shows_texts_letter_by_letter(odd):
    import html

    rendered = MarkdownIt().render(as_markdown(described(*texts(odd), whole=odd)))
    assert html.escape(odd, quote=False) in rendered
    assert f"<p>{html.escape(odd, quote=False)}</p>" in rendered


def test_an_empty_description_is_said_to_be_empty():
    assert "(no description)" in as_markdown(described(whole=" "))
    assert "(no description)" in as_webvtt(described(whole=""))


def test_a_segment_that_failed_is_said_to_have_failed_in_every_form():
    failed = Segment(0.0, 1.0, None, error=VideoDecodeError("all damaged", path="a.mp4"))
    for render in (as_text, as_markdown, as_subrip, as_webvtt):
        assert "(not described: all damaged)" in render(described(failed))


def test_times_past_an_hour_and_segments_of_no_length_are_captions():
    description = described(Segment(3661.5, 3661.5, "Late."), Segment(360000.0, 360001.0, "Later."))
    parsed = pysubs2.SSAFile.from_string(as_subrip(description), format_="srt")
    assert parsed[0].start == 3_661_500
    assert parsed[0].end == 3_661_501
    captions = webvtt.from_string(as_webvtt(description)).captions
    assert [each.start for each in captions] == ["01:01:01.500", "100:00:00.000"]


@pytest.mark.parametrize(
    ("form", "file", "as_json", "chosen"),
    [
        (None, None, False, "text"),
        (None, None, True, "json"),
        (None, "a.SRT", False, "srt"),
        (None, "a.b/c.md", False, "md"),
        ("vtt", "a.txt", False, "vtt"),
        ("json", None, True, "json"),
        (None, "a.srt", True, "json"),
    ],
)
def test_the_form_is_named_or_follows_from_the_file(form, file, as_json, chosen):
    assert chosen_form(form, file, as_json=as_json) == chosen


def test_forms_that_contradict_each_other_or_say_nothing_are_refused():
    with pytest.raises(ConfigError, match="--json and --format srt exclude each other"):
        chosen_form("srt", None, as_json=True)
    with pytest.raises(ConfigError, match=r"The ending of 'a\.doc' is none of \.txt") as caught:
        chosen_form(None, "a.doc", as_json=False)
    assert caught.value.hint == "name the format: --format text|json|jsonl|md|srt|vtt"
