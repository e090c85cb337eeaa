from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from linvt_cli.cli.app import run
from linvt_cli.cli.asked import ModelOptions
from linvt_cli.cli.output import Output
from linvt_cli.errors import BackboneLoadError
from linvt_cli.pipeline import TokenCache
from tests.cli.faults import write_clip
from tests.cli.schema import validate

HERE = ["--decode-workers", "0", "--model", "nano"]  # decodes in this process
NUM_FRAMES = 4  # of each video


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for number, name in enumerate(["a.mp4", "b 'c\".mp4", "-d.mp4"]):
        write_clip(tmp_path / "in" / name, number)
    (tmp_path / "in" / "broken.mp4").write_text("no video")
    return Path(tmp_path)


def rows_of(path: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def names(rows: list[dict[str, Any]]) -> list[str]:
    return [row["video"] for row in rows]


def test_a_folder_gives_a_row_for_each_video_and_question(loads, qa, folder, capsys):
    assert run(["ask", "in", "Who?", "-q", "Why?", "--jsonl", *HERE]) == 7
    captured = capsys.readouterr()
    rows = [json.loads(line) for line in captured.out.splitlines()]
    for row in rows:
        validate(row)
    expected = [name for name in ("-d.mp4", "a.mp4", "b 'c\".mp4", "broken.mp4") for _ in "12"]
    assert names(rows) == [f"in/{name}" for name in expected]
    assert [row["question"] for row in rows] == ["Who?", "Why?"] * 4
    assert [row["answer"] for row in rows] == ["A grey wall."] * 6 + [None] * 2
    assert rows[-1]["error"]["type"] == "VideoDecodeError"
    assert qa.backbone.frames_seen == 3 * NUM_FRAMES
    assert captured.err.count("error: ") == 1
    assert captured.err.endswith("6 answered, 2 failed\n")


def test_the_questions_about_a_video_are_answered_together(loads, qa, folder, capsys):
    assert run(["ask", "in/a.mp4", "in/-d.mp4", "Who?", "-q", "And why?", "--jsonl", *HERE]) == 0
    assert len(qa.backbone.step_lengths) == 2 * (len("A grey wall.") + 1)


def test_a_video_that_was_watched_before_is_not_decoded(
    loads, qa, folder, capsys, monkeypatch, tmp_path
):
    qa.token_cache = TokenCache(tmp_path / "cache")
    command = ["ask", "in", "Who?", "--jsonl", "--decode-workers", "1", "--model", "nano"]
    assert run(command) == 7
    first = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (tmp_path / "in" / "a.mp4").rename(tmp_path / "in" / "new name.mp4")
    monkeypatch.setattr("linvt_cli.video.decode_ahead.DecodeProcess.decode", decoded_again)
    assert run([*command, "--exclude", "broken.mp4"]) == 0
    again = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for row in again:
        validate(row)
    assert qa.backbone.frames_seen == 3 * NUM_FRAMES
    assert [row["tokens"]["cached"] for row in (*first[:3], *again)] == [False] * 3 + [True] * 3
    assert sorted(row["source"]["digest"] for row in again) == sorted(
        row["source"]["digest"] for row in first[:3]
    )
    assert {row["answer"] for row in again} == {"A grey wall."}
    assert names(again) == ["in/-d.mp4", "in/b 'c\".mp4", "in/new name.mp4"]


def decoded_again(*_: object, **__: object) -> None:
    pytest.fail("decoded")


def test_the_cache_of_a_single_video_serves_a_batch_and_the_other_way_round(
    loads, qa, folder, capsys, tmp_path
):
    qa.token_cache = TokenCache(tmp_path / "cache")
    assert run(["ask", "in/a.mp4", "Who?", "--model", "nano"]) == 0
    assert run(["ask", "in/a.mp4", "in/-d.mp4", "Who?", *HERE]) == 0
    assert run(["ask", "in/-d.mp4", "Who?", "--model", "nano"]) == 0
    assert qa.backbone.encode_calls == 2


def test_token_files_are_asked_like_videos(loads, qa, folder, capsys):
    assert run(["tokens", "make", "in/a.mp4", "-o", "a.linvt", "--model", "nano"]) == 0
    Path("torn.linvt").write_bytes(b"torn")
    capsys.readouterr()
    inputs = ["a.linvt", "torn.linvt", "none.linvt"]
    assert run(["ask", *inputs, "Who?", "--jsonl", *HERE]) == 7
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["answer"] for row in rows] == ["A grey wall.", None, None]
    kinds = [row["error"]["type"] for row in rows[1:]]
    assert kinds == ["TokenFileError", "VideoNotFoundError"]


def test_json_is_one_list(loads, folder, capsys):
    assert run(["ask", "in/a.mp4", "in/missing.mp4", "Who?", "--json", *HERE]) == 7
    rows = json.loads(capsys.readouterr().out)
    assert names(rows) == ["in/a.mp4", "in/missing.mp4"]
    assert [row["source"] is None for row in rows] == [False, True]
    assert run(["ask", "in/a.mp4", "Who?", "--shard", "2/2", "--json", *HERE]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_text_is_a_line_for_each_answer(loads, folder, capsys):
    assert run(["ask", "in/a.mp4", "in/-d.mp4", "Who?", "--quiet", *HERE]) == 0
    assert capsys.readouterr() == ("in/a.mp4: A grey wall.\nin/-d.mp4: A grey wall.\n", "")
    assert run(["ask", "in/a*", "in/-d*", "-q", "Who\nis?", "-q", "Why?", *HERE]) == 0
    assert "in/a.mp4: Who is? A grey wall.\nin/a.mp4: Why? A grey" in capsys.readouterr().out


def test_an_answer_that_is_abstained_from_is_empty(loads, qa, folder, capsys):
    qa.backbone = type(qa.backbone)()  # has no script, so it is sure of nothing
    shape = ["--yes-no", "--abstain-below", "1"]
    assert run(["ask", "in/a.mp4", "in/-d.mp4", "Who?", "--quiet", *shape, *HERE]) == 0
    assert capsys.readouterr().out == "in/a.mp4: \nin/-d.mp4: \n"


@pytest.mark.parametrize("form", ["--json", "--jsonl"])
def test_a_model_that_cannot_be_used_is_a_record_of_each_question(
    loads, folder, capsys, monkeypatch, form
):
    def fetch(model: ModelOptions, output: Output) -> None:
        raise BackboneLoadError("There is no such file", hint="pull it")

    monkeypatch.setattr("linvt_cli.cli.ask_batch.fetch_model", fetch)
    assert run(["ask", "in/a.mp4", "in/-d.mp4", "-q", "Who?", "-q", "Why?", form, *HERE]) == 4
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    rows = json.loads(captured.out) if form == "--json" else [json.loads(line) for line in lines]
    assert [(row["video"], row["question"], row["error"]["type"]) for row in rows] == [
        (video, question, "BackboneLoadError")
        for video in ("in/a.mp4", "in/-d.mp4")
        for question in ("Who?", "Why?")
    ]
    for row in rows:
        validate(row)
    assert captured.err.count("There is no such file") == 1
    assert run(["ask", "in/a.mp4", "in/-d.mp4", "Who?", "-o", "x.jsonl", *HERE]) == 4
    assert not (folder / "x.jsonl").read_text()  # to be asked when the model is there


def test_a_device_that_is_not_there_is_a_record_of_each_question(folder, capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    arguments = ["in/a.mp4", "in/-d.mp4", "Who?", "--jsonl", "--device", "cuda", *HERE]
    assert run(["ask", *arguments]) == 6
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["error"]["type"] for row in rows] == ["DeviceError", "DeviceError"]


def test_a_list_names_videos_questions_and_rows(loads, folder, capsys):
    rows = [
        {"video": "in/a.mp4", "question": "Who?", "id": "x1"},
        {"video": "in/-d.mp4", "start": 0.5, "end": "0:00.8"},
        {"video": "in/-d.mp4", "start": 5, "id": 3},
        {"video": "in/a.mp4", "start": 3, "end": 2, "id": 4},
    ]
    Path("list.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert run(["ask", "--from", "list.jsonl", "What?", "--jsonl", *HERE]) == 7
    out = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for row in out:
        validate(row)
    assert [row.get("id") for row in out] == ["x1", None, 3, 4]
    assert [row["question"] for row in out] == ["Who?", "What?", "What?", "What?"]
    assert all(0.4 <= time <= 0.8 for time in out[1]["frames"]["times"])
    assert [row["error"] and row["error"]["type"] for row in out[2:]] == [
        "VideoError",
        "ConfigError",
    ]
    assert len({row["settings"] for row in out}) == 4


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_file_gets_the_rows_and_stdout_nothing(loads, folder, capsys, suffix):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    assert run(["ask", "in", "Who?", "-o", f"out.{suffix}", *HERE]) == 7
    assert capsys.readouterr().out == ""
    if suffix == "jsonl":
        videos = names(rows_of("out.jsonl"))
    elif suffix == "csv":
        with Path("out.csv").open(newline="", encoding="utf-8") as file:
            videos = [row["video"] for row in csv.DictReader(file)]
    else:
        from pyarrow import parquet

        videos = parquet.read_table("out.parquet").column("video").to_pylist()
        assert not Path("out.parquet.jsonl").exists()
    assert videos == ["in/-d.mp4", "in/a.mp4", "in/b 'c\".mp4", "in/broken.mp4"]


def test_one_video_may_have_a_file_too(loads, folder):
    assert run(["ask", "in/a.mp4", "Who?", "-o", "out.jsonl", *HERE]) == 0
    assert len(rows_of("out.jsonl")) == 1
    assert run(["ask", "in/broken.mp4", "Who?", "-o", "two.jsonl", *HERE]) == 3


def test_a_run_goes_on_where_the_last_ended(loads, qa, folder, capsys):
    command = ["ask", "in", "Who?", "-o", "out.jsonl", *HERE]
    assert run([*command, "--limit", "2"]) == 0
    assert run(command) == 2
    assert run([*command, "--resume"]) == 7
    assert qa.backbone.frames_seen == 3 * NUM_FRAMES
    assert capsys.readouterr().err.endswith("1 answered, 1 failed, 2 were there in out.jsonl\n")
    before = Path("out.jsonl").read_bytes()
    loads.clear()
    assert run([*command, "--resume"]) == 7
    assert capsys.readouterr().err.endswith(
        "0 answered, 0 failed, 1 failed before, 3 were there in out.jsonl;"
        " --retry-errors tries again what failed before\n"
    )
    assert Path("out.jsonl").read_bytes() == before
    assert loads == []


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_what_is_no_unicode_has_its_row_and_only_one(loads, folder, capsys, suffix):
    row = {"video": "in/a.mp4", "question": "What \ud800?", "id": "\ud801"}
    rows = [row, {**row, "video": "in/\ud802.mp4", "id": ""}]
    Path("list.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in rows))
    command = ["ask", "--from", "list.jsonl", "-o", f"out.{suffix}", "--resume", *HERE]
    assert run(command) == 7
    before = Path(f"out.{suffix}").read_bytes()
    assert b"ud800?" in before
    assert run(command) == 7
    assert Path(f"out.{suffix}").read_bytes() == before


def test_changed_renamed_and_mended_files(loads, qa, folder):
    command = ["ask", "in", "Who?", "-o", "out.jsonl", "--resume", *HERE]
    run(command)
    Path("in/a.mp4").rename("in/z.mp4")
    write_clip(Path("in/-d.mp4"), 77)
    write_clip(Path("in/broken.mp4"), 78)
    before = qa.backbone.frames_seen
    assert run(command) == 0
    assert qa.backbone.frames_seen == before + 2 * NUM_FRAMES
    rows = rows_of("out.jsonl")
    assert sorted(names(rows)) == ["in/-d.mp4", "in/a.mp4", "in/b 'c\".mp4", "in/broken.mp4"]
    assert [row["error"] for row in rows] == [None] * 4


def test_results_among_the_videos_are_none_of_them(loads, folder):
    command = ["ask", "in", "Who?", "-o", "in/out.jsonl", "--include", "*", "--resume", *HERE]
    assert [run(command), run(command)] == [7, 7]
    assert len(rows_of("in/out.jsonl")) == 4


def test_failures_are_tried_again_when_asked(loads, folder):
    command = ["ask", "in", "Who?", "-o", "out.jsonl", "--resume", *HERE]
    assert [run(command), run([*command, "--retry-errors"])] == [7, 7]
    assert len(rows_of("out.jsonl")) == 4


def test_the_first_failure_may_end_it(loads, folder, capsys):
    arguments = ["in/a.mp4", "in/broken.mp4", "in/-d.mp4", "Who?", "--jsonl", "--fail-fast"]
    assert run(["ask", *arguments, *HERE]) == 7
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_if_all_fail_the_code_is_that_of_the_first(loads, folder, capsys):
    assert run(["ask", "no1.mp4", "no2.mp4", "Who?", *HERE]) == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ["in", "Who?", "--resume"],
        ["in", "Who?", "-o", "x.jsonl", "--retry-errors"],
        ["in", "Who?", "-o", "x.jsonl", "--jsonl"],
        ["in", "Who?", "-o", "x.json"],
        ["in", "Who?", "--shard", "3/2"],
        ["in", "Who?", "--at", "soon"],
        ["in", "  "],
        ["in"],
        ["in", "in/a.mp4"],
        [],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_a_usage_error_before_anything_is_done(
    loads, folder, capsys, arguments
):
    assert run(["ask", *arguments]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert loads == []
    assert not list(folder.glob("x.*"))
