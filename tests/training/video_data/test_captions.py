from __future__ import annotations

import pytest

from linvt_cli.training.video_data.caption_questions import CAPTION_QUESTIONS
from linvt_cli.training.video_data.captions import internvid_draft, webvid_draft
from linvt_cli.training.video_data.drafts import Candidate
from linvt_cli.training.video_data.fields import FieldError

WEBVID = {"videoid": "31353427", "name": "Tourists walk.", "page_dir": "014001_014050"}
INTERNVID = {
    "YoutubeID": "FpYbLtDXFNU",
    "Start_timestamp": "00:00:19.795",
    "End_timestamp": "00:00:22.5",
    "Caption": "a man in a suit",
    "UMT_Score": 0.43,
}


def test_a_video_of_webvid_lies_in_its_page_or_with_all_others():
    draft = webvid_draft(WEBVID)
    assert draft.candidates == (Candidate("014001_014050/31353427.mp4"), Candidate("31353427.mp4"))
    (exchange,) = draft.exchanges
    assert exchange.question in CAPTION_QUESTIONS
    assert exchange.answer == "Tourists walk."
    assert webvid_draft({**WEBVID, "page_dir": ""}).candidates == (Candidate("31353427.mp4"),)


def test_a_clip_of_internvid_is_a_file_or_a_part_of_a_video():
    draft = internvid_draft(INTERNVID)
    assert draft.candidates == (
        Candidate("FpYbLtDXFNU_00:00:19.795_00:00:22.5.mp4"),
        Candidate("FpYbLtDXFNU.mp4", 19.795, 22.5),
    )
    assert draft.exchanges[0].answer == "a man in a suit"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"YoutubeID": ""}, "'YoutubeID' is empty"),
        ({"Caption": None}, "'Caption' is missing"),
        ({"Start_timestamp": None}, "'Start_timestamp' is missing"),
        ({"End_timestamp": None}, "'End_timestamp' is missing"),
        ({"End_timestamp": "00:00:19"}, "'End_timestamp' must come after 'Start_timestamp'"),
        ({"Start_timestamp": "early"}, "'Start_timestamp' is no time"),
        ({"YoutubeID": "../x"}, "'YoutubeID' leads out of the folder of videos"),
    ],
)
def test_a_field_of_internvid_that_is_wrong_is_named(change, complaint):
    with pytest.raises(FieldError) as caught:
        internvid_draft({**INTERNVID, **change})
    assert str(caught.value).startswith(complaint)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"videoid": None}, "'videoid' is missing"),
        ({"name": " "}, "'name' is empty"),
        ({"page_dir": "/data"}, "'videoid' leads out of the folder of videos"),
    ],
)
def test_a_field_of_webvid_that_is_wrong_is_named(change, complaint):
    with pytest.raises(FieldError) as caught:
        webvid_draft({**WEBVID, **change})
    assert str(caught.value).startswith(complaint)
