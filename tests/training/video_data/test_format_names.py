from __future__ import annotations

from typing import get_args

from linvt_cli.training.video_data.format_names import FormatName
from linvt_cli.training.video_data.formats import FORMATS


def test_every_name_has_a_format():
    assert set(get_args(FormatName)) == set(FORMATS)
