from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from linvt_cli.cli.app import run
from linvt_cli.training.video_data.samples import Sample, read_samples
from tests.cli.processes import ROOT

GOOD = {"video": "a.mp4", "QA": [{"i": "", "q": "Who?", "a": "A dog."}]}


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A file of VideoChat2-IT with one entry that makes no sense, and a folder with one video."""
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "a.mp4").write_bytes(b"x")
    path = tmp_path / "train.json"
    path.write_text(json.dumps([GOOD, {"video": "b.mp4", "QA": []}, {**GOOD, "video": "c.mp4"}]))
    return path


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_published_file_becomes_a_training_file(published, tmp_path, capsys):
    out = tmp_path / "out.jsonl"
    published.write_text(json.dumps([GOOD]))
    assert run(["data", "convert", "videochat2", str(published), "-o", str(out)]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{out}\n"
    assert captured.err == "1 sample from 1 entry\n"
    (sample,) = read_samples(out)
    assert isinstance(sample, Sample)


def test_what_is_left_out_is_told_and_the_rest_written(published, tmp_path, capsys):
    out = tmp_path / "out.jsonl"
    arguments = ["data", "convert", "videochat2", str(published), "-o", str(out)]
    assert run([*arguments, "--videos", str(tmp_path / "videos"), "--source", "it"]) == 7
    told = capsys.readouterr().err
    assert f"warning: {published}, entry 2: 'QA' is no list with questions: []" in told
    assert f"warning: {published}, entry 3: there is no 'c.mp4' in" in told
    assert "1 sample from 3 entries, 1 without their video, 1 bad" in told
    assert rows(out) == [
        {"video": "videos/a.mp4", "question": "Who?", "answer": "A dog.", "source": "it"}
    ]


def test_videos_that_are_not_there_are_no_failure(published, tmp_path):
    published.write_text(json.dumps([GOOD, {**GOOD, "video": "c.mp4"}]))
    out = tmp_path / "out.jsonl"
    arguments = ["data", "convert", "videochat2", str(published), "-o", str(out), "--quiet"]
    assert run([*arguments, "--videos", str(tmp_path / "videos")]) == 0
    assert len(rows(out)) == 1


def test_a_limit_stops_after_as_many_samples(published, tmp_path):
    out = tmp_path / "out.jsonl"
    arguments = ["data", "convert", "videochat2", str(published), "-o", str(out), "--quiet"]
    assert run([*arguments, "--limit", "1"]) == 0  # before the entry that makes no sense
    assert len(rows(out)) == 1


def test_a_training_file_is_checked(tmp_path, capsys):
    (tmp_path / "a.mp4").write_bytes(b"x")
    file = tmp_path / "set.jsonl"
    good = '{"video": "a.mp4", "question": "Who?", "answer": "A dog."}\n'
    file.write_text(good)
    assert run(["data", "check", str(file)]) == 0
    assert "samples    1" in capsys.readouterr().out
    file.write_text(f'{good}{{"video": "a.mp4"}}\n{good.replace("a.mp4", "b.mp4")}')
    assert run(["data", "check", str(file)]) == 3
    captured = capsys.readouterr()
    assert f"{file}:2: 'question' is missing" in captured.out
    assert f"{file}:3: 'video': There is no file" in captured.out
    wrong = "1 bad line, 1 sample without their video"
    assert f"error: '{file}' cannot be used as it is: {wrong}\nhint: " in captured.err


def test_a_check_in_json_is_one_document(tmp_path, capsys):
    file = tmp_path / "set.jsonl"
    file.write_text('{"video": "a.mp4", "question": "Who?", "answer": "A dog."}\n')
    assert run(["data", "check", str(file), "--json", "--skip-videos"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["samples"], document["videos"]["missing"]) == (1, None)
    assert run(["data", "check", str(file), "--json"]) == 3
    captured = capsys.readouterr()
    assert json.loads(captured.out)["videos"]["missing"] == 1


@pytest.mark.parametrize(
    ("code", "arguments", "message"),
    [
        (3, ["check", "none.jsonl"], "'none.jsonl' cannot be read: No such file or directory"),
        (2, ["check", "none.jsonl", "--videos", "none"], "There is no folder 'none'"),
        (2, ["check", "x.jsonl", "--videos", ".", "--skip-videos"], "exclude each other"),
        (3, ["convert", "llava", "none.json", "-o", "out.jsonl"], "'none.json' cannot be read"),
        (2, ["convert", "llava", "none.json", "-o", "no/out.jsonl"], "There is no folder 'no'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_makes_no_sense_is_a_line_with_a_hint(
    tmp_path, monkeypatch, capsys, code, arguments, message
):
    monkeypatch.chdir(tmp_path)
    assert run(["data", *arguments]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert "hint: " in captured.err
    assert list(tmp_path.iterdir()) == []


def test_a_format_that_nobody_knows_is_refused(tmp_path, capsys):
    assert run(["data", "convert", "coco", "a.json", "-o", str(tmp_path / "out.jsonl")]) == 2
    assert "videochat2" in capsys.readouterr().err


def test_a_world_is_written_whose_file_passes_the_check(tmp_path, capsys):
    folder = tmp_path / "new" / "world"
    arguments = ["data", "world", "-o", str(folder), "--clips", "2", "--seed", "11"]
    assert run([*arguments, "--questions", "3"]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{folder / 'train.jsonl'}\n"
    assert "6 questions about 2 clips" in captured.err
    assert run(["data", "check", str(folder / "train.jsonl")]) == 0
    assert run(arguments) == 2  # the file is there
    clip = folder / "clips" / "train-000011.mp4"
    before = clip.stat().st_ino
    assert run([*arguments, "--force", "--quiet"]) == 0
    assert clip.stat().st_ino != before
    assert len(rows(folder / "train.jsonl")) == 8


INTERRUPTED = """
import sys
from linvt_cli.cli import data_files
from linvt_cli.cli.app import run
real = data_files.Conversion.count
def count(self, outcome):
    if self.num_entries == 1000:
        print("ready", file=sys.stderr, flush=True)
        import time
        time.sleep(60)
    real(self, outcome)
data_files.Conversion.count = count
sys.exit(run(sys.argv[1:]))
"""


def test_an_interrupted_conversion_leaves_nothing_behind(tmp_path):
    published = tmp_path / "train.json"
    published.write_text(json.dumps([GOOD] * 2000))
    out = tmp_path / "out.jsonl"
    command = ["data", "convert", "videochat2", str(published), "-o", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, *command], stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "ready\n"
    assert [each.name for each in tmp_path.glob(".linvt-*/*")] == ["out.jsonl"]
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told) == (130, "interrupted\n")
    assert [path.name for path in tmp_path.iterdir()] == ["train.json"]
