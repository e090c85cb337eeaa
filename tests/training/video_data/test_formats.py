from __future__ import annotations

import json
from pathlib import Path

import pytest

from linvt_cli.training.video_data.fields import row_of
from linvt_cli.training.video_data.formats import FORMATS

QA = '"QA": [{"i": "", "q": "Who?", "a": "A dog."}]'
TURNS = '"conversations": [{"from": "human", "value": "Who?"}, {"from": "gpt", "value": "A dog."}]'
TIMES = "00:00:01.000,00:00:02.000"
FILES = {
    "videochat2": ("train.json", f'[{{"video": "a.mp4", {QA}}}]'),
    "llava": ("train.jsonl", f'{{"video": "a.mp4", {TURNS}}}\n'),
    "webvid": (
        "results.csv",
        "videoid,contentUrl,duration,page_dir,name\n1,https://x/1.mp4,PT8S,0_1,A dog.\n",
    ),
    "internvid": (
        "set.csv",
        f"YoutubeID,Start_timestamp,End_timestamp,Caption\nab,{TIMES},A dog.\n",
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_of_each_format_gives_a_draft(tmp_path: Path, name):
    form = FORMATS[name]
    file_name, content = FILES[name]
    (tmp_path / file_name).write_text(content)
    (entry,) = form.read(tmp_path / file_name)
    draft = form.draft_of(row_of(entry.value))
    assert [each.answer for each in draft.exchanges] == ["A dog."]


def test_internvid_comes_as_lines_too(tmp_path: Path):
    row = {"YoutubeID": "ab", "Start_timestamp": "0:01", "End_timestamp": "0:02", "Caption": "Dogs"}
    (tmp_path / "set.jsonl").write_text(json.dumps(row))
    (entry,) = FORMATS["internvid"].read(tmp_path / "set.jsonl")
    assert (
        FORMATS["internvid"].draft_of(row_of(entry.value)).candidates[0].name == "ab_0:01_0:02.mp4"
    )
