from __future__ import annotations

import json

import pytest

from linvt_cli.errors import DatasetError
from linvt_cli.evaluation.items import Subtitle
from linvt_cli.evaluation.subtitles import read_longvideobench, read_srt, spoken_at


def test_subrip_is_read_without_markup(tmp_path):
    path = tmp_path / "a.srt"
    path.write_text(
        '\ufeff1\r\n00:00:01,000 --> 00:00:02,500\r\n<font color="white">Hello</font>\r\nyou\r\n'
        "\r\n2\r\n01:00:00,500 --> 01:00:01,000\r\n{\\an8}- Bye\r\n\r\n3\r\n"
        "01:00:02,000 --> 01:00:03,000\r\n\r\n",
        encoding="utf-8",
    )
    assert read_srt(path) == (
        Subtitle(1.0, 2.5, "Hello you"),
        Subtitle(3600.5, 3601.0, "- Bye"),
    )


def test_a_file_without_subtitles_is_an_error_and_an_empty_one_is_none(tmp_path):
    path = tmp_path / "a.srt"
    path.write_text("WEBVTT")
    with pytest.raises(DatasetError, match=r"a\.srt' holds no subtitles"):
        read_srt(path)
    path.write_text("\n")
    assert read_srt(path) == ()


def test_both_forms_of_longvideobench_count_from_the_begin_of_the_clip(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(
        json.dumps(
            [
                {"start": "00:01:00.500", "end": "00:01:03.000", "line": "first"},
                {"timestamp": [62.0, 62.2], "text": "short"},
                {"timestamp": [65.0, None], "text": "last"},
            ]
        )
    )
    read = read_longvideobench(path, begins=60.0, duration=10.0)
    assert read[0] == Subtitle(0.5, 3.0, "first")
    assert (read[1].start, read[1].end) == pytest.approx((1.6, 2.6))  # widened to a second
    assert read[2] == Subtitle(5.0, 10.0, "last")


def test_long_runs_of_signs_are_read_in_no_time(tmp_path):
    path = tmp_path / "a.srt"
    path.write_text(
        "1" * 200_000 + "<" * 200_000 + "\n\n00:00:00,000 --> 00:00:01,000\n" + "<" * 200_000
    )
    (subtitle,) = read_srt(path)
    assert subtitle.end == 1.0


@pytest.mark.parametrize(
    "content",
    ["{}", '[{"start": "0:0:0"}]', "[1]", '[{"start": 1, "end": 2, "line": ""}]',
     '[{"timestamp": [1%s, 2], "text": ""}]' % ("0" * 400)],
)  # fmt: skip
def test_other_json_is_an_error_that_names_the_file(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(DatasetError, match=r"a\.json'"):
        read_longvideobench(path, begins=0.0, duration=1.0)


def test_only_what_is_said_at_a_frame_is_shown_once_and_in_order():
    subtitles = (Subtitle(0, 2, "a"), Subtitle(2, 3, "b"), Subtitle(5, 6, "a"), Subtitle(6, 7, "c"))
    assert spoken_at(subtitles, (0.5, 1.5, 5.5, 6.0)) == "a\nc"
    assert spoken_at(subtitles, (4.0,)) == ""
