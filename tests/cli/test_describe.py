from __future__ import annotations

import json

from linvt_cli.backbones.registry import find_backbone
from linvt_cli.cli.app import run
from tests.cli.schema import validate


def test_a_description_is_printed_like_an_answer(loads, video, capsys):
    assert run(["describe", str(video)]) == 0
    assert capsys.readouterr().out == "A grey wall.\n"


def test_json_is_the_record_of_an_answer_to_the_question_of_the_model(loads, video, capsys):
    assert run(["describe", str(video), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    validate(row)
    assert row["question"] == find_backbone("nano").describe_question


def test_frames_and_the_part_of_the_video_can_be_chosen(loads, video, capsys):
    arguments = ["describe", str(video), "--frames", "2", "--start", "1", "--end", "2", "--json"]
    assert run(arguments) == 0
    times = json.loads(capsys.readouterr().out)["frames"]["times"]
    assert len(times) == 2
    assert all(1 <= time <= 2 for time in times)


def test_a_missing_video_is_an_error(loads, capsys):
    assert run(["describe", "missing.mp4"]) == 3
    assert capsys.readouterr().out == ""
