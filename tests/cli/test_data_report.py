from __future__ import annotations

from pathlib import Path

import pytest

from linvt_cli.cli.data_report import complaint, report_lines, surveyed
from linvt_cli.cli.output import Output
from linvt_cli.training.video_data.samples import BadSample, Exchange, Sample
from linvt_cli.training.video_data.survey import Survey


@pytest.fixture
def survey(tmp_path: Path) -> Survey:
    """Three samples, of which one is there, and three bad lines."""
    (tmp_path / "a.mp4").write_bytes(b"x")
    survey = Survey(num_shown=1)
    for number, name in enumerate(("a.mp4", "b.mp4", "b.mp4"), start=1):
        exchanges = (Exchange("Who?", "A dog."),)
        place = f"set.jsonl:{number}"
        survey.add(Sample(tmp_path / name, exchanges, None, 4.0, f"from\n{name}", place))
    for number in (4, 5, 6):
        survey.add(BadSample(f"set.jsonl:{number}", "'answer' is empty", "answer"))
    return survey


def test_the_report_says_how_much_there_is_and_what_is_wrong(survey):
    lines = list(report_lines(survey))
    assert lines[:4] == [
        "samples    3, 3 about a part of their video",
        "questions  3",
        "videos     2, 1 missing",
        "bad lines  3",
    ]
    assert "question    4    4       4    4    4.0" in lines
    assert "from\\nb.mp4  2" in lines
    bad = lines.index("bad lines:")
    assert lines[bad + 1 : bad + 3] == ["set.jsonl:4: 'answer' is empty", "and 2 more"]
    missing = lines.index("samples without their video:")
    assert lines[missing + 1].startswith("set.jsonl:2: 'video': There is no file")
    assert lines[missing + 2] == "and 1 more"


def test_long_lists_of_sources_are_cut_off():
    survey = Survey(num_shown=1, look_for_videos=False)
    for number in range(30):
        survey.add(Sample(Path("a.mp4"), (Exchange("?", "!"),), None, None, str(number), "x:1"))
    lines = list(report_lines(survey))
    assert lines[-1] == "and 10 more"
    assert lines[0] == "samples    30"
    assert "videos     1, not looked for" in lines


def test_nothing_is_said_of_the_lengths_of_nothing(tmp_path):
    (tmp_path / "set.jsonl").touch()
    survey = surveyed(
        tmp_path / "set.jsonl", root=None, looks=True, num_shown=1, output=Output(quiet=True)
    )
    assert len(list(report_lines(survey))) == 4
    assert "nothing is in it" in complaint(tmp_path / "set.jsonl", survey).message


def test_the_complaint_counts_what_is_wrong(survey):
    error = complaint(Path("set.jsonl"), survey)
    assert error.message == (
        "'set.jsonl' cannot be used as it is: 3 bad lines, 2 samples without their video"
    )
    assert error.hint
