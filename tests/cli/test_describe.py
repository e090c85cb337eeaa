from __future__ import annotations

import io
import json
import re
import sys

import pysubs2
import pytest
import webvtt
from rich.live import Live

from linvt_cli.cli.app import run
from linvt_cli.errors import VideoDecodeError
from linvt_cli.pipeline import VideoQA
from tests.cli.schema import validate_description


def test_text_is_the_description_then_the_timeline(loads, video, capsys):
    assert run(["describe", str(video)]) == 0
    assert capsys.readouterr().out == "A grey wall.\n\n0:00.0-0:03.0  A grey wall.\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def screen(self) -> str:
        """Return what stands on it, line by line, once all control codes have done their work."""
        lines, row = [""], 0
        for code, text in re.findall(
            r"(\x1b\[[?\d;]*[A-Za-z]|\r|\n)|([^\x1b\r\n]+)", self.getvalue()
        ):
            match code:
                case "\n":
                    row += 1
                    lines += [""] * (row == len(lines))
                case "\x1b[1A":
                    row -= 1
                case "\x1b[2K":
                    lines[row] = ""
            lines[row] += text
        return "\n".join(lines)


def test_on_a_terminal_nothing_of_the_progress_stays_between_the_segments(
    loads, video, monkeypatch
):
    start = Live.start
    monkeypatch.setattr(Live, "start", lambda self, refresh=False: start(self, refresh=True))
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    assert run(["describe", str(video), "--every", "1"]) == 0
    assert "Describing part 3 of 3" in terminal.getvalue()
    _, answer, closing_line, *timeline = terminal.screen().splitlines()
    assert (answer, closing_line[:8]) == ("A grey wall.", "4 frames")
    assert timeline == ["", *(f"0:0{n}.0-0:0{n + 1}.0  A grey wall." for n in range(3))]


def test_json_has_the_keys_of_an_answer_and_a_timeline(loads, qa, video, capsys):
    assert run(["describe", str(video), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    validate_description(row)
    assert row["question"] == qa.describe_question
    assert row["answer"] == "A grey wall."
    assert row["frames"]["count"] == 4
    assert [(one["start"], one["end"], one["text"]) for one in row["timeline"]] == [
        (0.0, 3.0, "A grey wall.")
    ]


def test_json_and_format_json_are_the_same_and_jsonl_is_one_line(loads, video, capsys):
    shown = []
    for form in (["--json"], ["--format", "json"], ["--format", "jsonl"]):
        assert run(["describe", str(video), *form]) == 0
        shown.append(capsys.readouterr().out)
    rows = [json.loads(text) for text in shown]
    for row in rows:
        row.pop("seconds")
    assert rows[0] == rows[1] == rows[2]
    assert len(shown[2].splitlines()) == 1


def test_every_cuts_segments_of_one_length(loads, video, capsys):
    assert run(["describe", str(video), "--every", "1", "--format", "jsonl"]) == 0
    timeline = json.loads(capsys.readouterr().out)["timeline"]
    assert [(one["start"], one["end"]) for one in timeline] == [(0, 1), (1, 2), (2, 3)]


def test_too_many_segments_are_refused_before_anything_is_described(
    loads, qa, video, capsys, monkeypatch
):
    monkeypatch.setattr("linvt_cli.pipeline.timeline._MAX_EVEN_SEGMENTS", 20)
    assert run(["describe", str(video), "--every", "0.1"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "error: 30 segments are too many: 20 are the most" in shown.err
    assert run(["describe", str(video), "--every", "0.1", "--json"]) == 2
    row = json.loads(capsys.readouterr().out)
    validate_description(row)
    assert row["error"]["type"] == "ConfigError"
    assert qa.backbone.step_lengths == []


def test_captions_and_markdown_are_printed(loads, video, capsys):
    shown = {}
    for form in ("srt", "vtt", "md"):
        assert run(["describe", str(video), "--every", "1", "--format", form]) == 0
        shown[form] = capsys.readouterr().out
    assert len(pysubs2.SSAFile.from_string(shown["srt"], format_="srt")) == 3
    assert len(webvtt.from_string(shown["vtt"]).captions) == 3
    assert shown["md"].startswith("# grey.mp4\n\nA grey wall.\n\n## Timeline\n\n- **0:00.0")


def test_a_file_gets_the_form_of_its_ending_and_stdout_gets_nothing(loads, video, capsys, tmp_path):
    for name, begins in (("a.srt", "1\n00:00"), ("a.vtt", "WEBVTT\n"), ("a.txt", "A grey wall.\n")):
        assert run(["describe", str(video), "-o", str(tmp_path / name)]) == 0
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(begins)
        assert capsys.readouterr().out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.srt", "a.txt", "a.vtt"]


@pytest.mark.parametrize("name", ["a.json", "a.md"])
def test_a_failure_leaves_the_file_of_an_earlier_run_as_it_is(loads, tmp_path, capsys, name):
    (tmp_path / name).write_text("earlier", encoding="utf-8")
    for file in (tmp_path / name, tmp_path / f"new-{name}"):
        assert run(["describe", str(tmp_path / "no.mp4"), "-o", str(file), "--force"]) == 3
        assert capsys.readouterr().out == ""
    assert (tmp_path / name).read_text(encoding="utf-8") == "earlier"
    assert not (tmp_path / f"new-{name}").exists()


def test_frames_and_the_part_of_the_video_can_be_chosen(loads, video, capsys):
    arguments = ["describe", str(video), "--frames", "2", "--start", "1", "--end", "2", "--json"]
    assert run(arguments) == 0
    row = json.loads(capsys.readouterr().out)
    assert len(row["frames"]["times"]) == 2
    (segment,) = row["timeline"]
    assert (segment["start"], segment["end"], len(segment["frame_times"])) == (1.0, 2.0, 2)
    assert all(1 <= time <= 2 for time in [*row["frames"]["times"], *segment["frame_times"]])


def test_a_segment_that_fails_is_said_and_the_others_are_given(loads, video, capsys, monkeypatch):
    watch = VideoQA.watch

    def fails_in_the_middle(self, path, sampling=None, **options):
        if sampling is not None and sampling.start == 1.0:
            raise VideoDecodeError("all damaged", path=path, hint="copy it again")
        return watch(self, path, sampling, **options)

    monkeypatch.setattr(VideoQA, "watch", fails_in_the_middle)
    assert run(["describe", str(video), "--every", "1", "--format", "json"]) == 7
    shown = capsys.readouterr()
    row = json.loads(shown.out)
    validate_description(row)
    assert [one["text"] for one in row["timeline"]] == ["A grey wall.", None, "A grey wall."]
    assert "error: all damaged" in shown.err
    assert run(["describe", str(video), "--every", "1"]) == 7
    lines = capsys.readouterr().out.splitlines()
    assert lines[3] == "0:01.0-0:02.0  (not described: all damaged)"


def test_a_missing_video_is_an_error_and_a_record_where_there_are_records(loads, capsys):
    assert run(["describe", "missing.mp4"]) == 3
    assert capsys.readouterr().out == ""
    assert run(["describe", "missing.mp4", "--json"]) == 3
    row = json.loads(capsys.readouterr().out)
    validate_description(row)
    assert row["error"]["type"] == "VideoNotFoundError"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--every", "0"], "A segment must last 0.1 s or more, not 0.0 s"),
        (["--every", "nan"], "A segment must last 0.1 s or more, not nan s"),
        (["--json", "--format", "srt"], "--json and --format srt exclude each other"),
        (["-o", "notes.doc"], "The ending of 'notes.doc' is none of"),
        (["-o", "missing/notes.md"], "There is no folder 'missing'"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_the_model_is_loaded(
    loads, video, capsys, options, message
):
    assert run(["describe", str(video), *options]) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.out == ""
    assert loads == []
