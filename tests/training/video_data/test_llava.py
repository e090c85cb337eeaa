from __future__ import annotations

import pytest

from linvt_cli.training.video_data.drafts import Candidate
from linvt_cli.training.video_data.fields import FieldError
from linvt_cli.training.video_data.llava import draft_of
from linvt_cli.training.video_data.samples import Exchange

TURNS = [{"from": "human", "value": "<image>\nWho?"}, {"from": "gpt", "value": "A. A dog."}]


def test_an_entry_of_llava_video_may_lie_below_its_part():
    draft = draft_of(
        {
            "id": "1006-8968804598",
            "conversations": TURNS,
            "data_source": "0_30_s_nextqa",
            "video": "NextQA/NExTVideo/1006/8968804598.mp4",
        }
    )
    name = "NextQA/NExTVideo/1006/8968804598.mp4"
    assert draft.candidates == (Candidate(name), Candidate(f"0_30_s_nextqa/{name}"))
    assert draft.exchanges == (Exchange("Who?", "A. A dog."),)
    assert draft.source == "0_30_s_nextqa"


def test_a_list_of_one_video_is_that_video():
    assert draft_of({"video": ["a.mp4"], "conversations": TURNS}).candidates == (
        Candidate("a.mp4"),
    )


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"video": None, "image": "a.jpg"}, "'video' is missing: the entry is about a picture"),
        ({"video": None}, "'video' is missing"),
        ({"video": ["a.mp4", "b.mp4"]}, "'video' must be one video, not 2"),
        ({"data_source": "../.."}, "'data_source' leads out of the folder of videos"),
        ({"conversations": TURNS[:1]}, "'conversations' has an odd number of turns, 1"),
    ],
)
def test_a_field_that_is_wrong_is_named(change, complaint):
    with pytest.raises(FieldError) as caught:
        draft_of({"video": "a.mp4", "conversations": TURNS, **change})
    assert str(caught.value).startswith(complaint)
