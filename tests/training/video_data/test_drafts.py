from __future__ import annotations

import pytest

from linvt_cli.training.video_data.drafts import published_name
from linvt_cli.training.video_data.fields import FieldError


@pytest.mark.parametrize("name", ["/etc/passwd", "../a.mp4", "a/../../b.mp4"])
def test_a_published_name_leads_nowhere_else(name):
    with pytest.raises(FieldError, match="'video' leads out of the folder of videos"):
        published_name(name, "video")


def test_a_published_name_names_something():
    with pytest.raises(FieldError, match="'video' is no name of a file"):
        published_name("./", "video")


def test_a_published_name_is_below_the_folder():
    assert published_name("./a//b.mp4", "video") == "a/b.mp4"
