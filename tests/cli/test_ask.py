from __future__ import annotations

import json
from pathlib import Path

import pytest

from linvt_cli.cli.app import run
from linvt_cli.cli.ask import all_questions
from linvt_cli.config import Workload
from linvt_cli.errors import ConfigError
from tests.cli.schema import validate


def test_the_answer_and_nothing_else_goes_to_stdout(loads, video, capsys):
    assert run(["ask", str(video), "What is there?"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "A grey wall.\n"
    assert captured.err.startswith("note: nano, the built-in model")


@pytest.mark.parametrize("arguments", [["--quiet"], ["--model", "nano"]])
def test_nano_is_not_explained_to_those_who_chose_it_or_want_silence(
    loads, video, capsys, arguments
):
    assert run(["ask", str(video), "What is there?", *arguments]) == 0
    assert capsys.readouterr() == ("A grey wall.\n", "")


def test_the_environment_may_choose_the_model(loads, video, capsys, monkeypatch):
    monkeypatch.setenv("LINVT_MODEL", "nano")
    assert run(["ask", str(video), "What is there?"]) == 0
    assert capsys.readouterr().err == ""


def test_several_questions_are_answered_in_order_after_one_look(loads, qa, video, capsys):
    arguments = ["ask", str(video), "First?", "-q", "Second?", "--question", "Third?", "--jsonl"]
    assert run(arguments) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["question"] for row in rows] == ["First?", "Second?", "Third?"]
    assert qa.backbone.encode_calls == 1


def test_options_reach_the_model_and_the_video(loads, video, capsys, tmp_path):
    arguments = ["ask", str(video), "What?", "--json", "--at", "0.5,1", "--device", "cpu"]
    arguments += ["--tokenizer", "cluster", "--video-tokens", "7", "--checkpoint", str(tmp_path)]
    arguments += ["--weights", "here", "--quant", "nf4", "--dtype", "bfloat16"]
    assert run([*arguments, "--no-keep-quantized", "--no-token-cache"]) == 0
    assert callable(loads[0].pop("on_notice"))
    assert loads == [
        {
            "model": "nano",
            "tokenizer": "cluster",
            "checkpoint": str(tmp_path),
            "num_video_tokens": 7,
            "device": "cpu",
            "weights": "here",
            "quantization": "nf4",
            "dtype": "bfloat16",
            "work": Workload(frames=2, video_tokens=7),
            "keep_quantized": False,
            "token_cache": None,
        }
    ]
    assert json.loads(capsys.readouterr().out)["frames"]["times"] == [0.5, 1.0]


def test_a_limit_of_tokens_cuts_the_answer(loads, video, capsys):
    assert run(["ask", str(video), "What?", "--max-new-tokens", "3", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["answer"], row["finish_reason"]) == ("A g", "length")


def test_json_is_one_document_that_fits_the_schema(loads, video, capsys):
    assert run(["ask", str(video), "What is there?", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    validate(row)
    assert next(iter(row)) == "schema_version"
    assert (row["video"], row["answer"], row["error"]) == (str(video), "A grey wall.", None)


def test_json_for_several_questions_is_a_list_of_such_documents(loads, video, capsys):
    assert run(["ask", str(video), "-q", "One?", "-q", "Two?", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    for row in rows:
        validate(row)
    assert [row["question"] for row in rows] == ["One?", "Two?"]


@pytest.mark.parametrize("form", ["--json", "--jsonl"])
def test_a_failure_is_a_record_too(loads, capsys, form):
    assert run(["ask", "missing.mp4", "What?", form]) == 3
    captured = capsys.readouterr()
    row = json.loads(captured.out)
    validate(row)
    assert row["error"]["type"] == "VideoNotFoundError"
    assert captured.err.startswith(f"error: {row['error']['message']}\nhint: ")


def test_a_failure_without_json_leaves_stdout_empty(loads, capsys):
    assert run(["ask", "missing.mp4", "What?"]) == 3
    assert capsys.readouterr().out == ""


def test_a_missing_video_is_noticed_before_the_model_is_loaded(loads, capsys):
    run(["ask", "missing.mp4", "What?"])
    assert loads == []


def test_a_file_that_is_no_video_gets_no_answer(loads, tmp_path, capsys):
    text = tmp_path / "text.mp4"
    text.write_text("this is no video")
    assert run(["ask", str(text), "What?", "--quiet"]) == 3
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["What?", "--json", "--jsonl"],
        ["What?", "--at", "1", "--fps", "2"],
        ["What?", "--at", "soon"],
        ["What?", "--start", "2", "--end", "1"],
        ["What?", "--temperature", "-1"],
        ["What?", "--top-p", "0"],
        ["What?", "--min-coverage", "2"],
        ["What?", "--frames", "0"],
        ["What?", "--decoder", "ffmpeg"],
        ["What?", "--tokenizer", "best"],
        ["  "],
        [],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_a_usage_error(loads, video, capsys, arguments):
    assert run(["ask", str(video), *arguments]) == 2
    captured = capsys.readouterr()
    assert "error: " in captured.err.lower()
    assert loads == []


def test_an_unknown_model_has_the_code_for_models(video, capsys):
    assert run(["ask", str(video), "What?", "--model", "nanoo"]) == 4
    assert "hint: did you mean nano?" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--", "-x.mp4"], ["./-x.mp4"]])
def test_a_name_with_a_leading_dash_can_be_given(
    loads, video, capsys, tmp_path, monkeypatch, arguments
):
    (tmp_path / "-x.mp4").write_bytes(video.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert run(["ask", "-q", "What?", *arguments]) == 0
    assert capsys.readouterr().out == "A grey wall.\n"


@pytest.mark.parametrize("name", ["a b'c\".mp4", "[red]🙂.mp4", "a\nb.mp4", "%04d.mp4"])
def test_odd_file_names_are_taken_as_they_are(loads, video, capsys, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(Path(video).read_bytes())
    assert run(["ask", str(path), "What?", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["video"] == str(path)


def test_questions_keep_their_order():
    assert all_questions("a.mp4", "one", ["two", "three"]) == ("one", "two", "three")


@pytest.mark.parametrize("options", [[], ["--decode-workers", "0", "--limit", "1"]])
def test_a_question_that_is_given_twice_is_asked_once(loads, video, capsys, options):
    command = ["ask", str(video), "-q", "Who?", "-q", "Why?", "-q", "Who?", "--jsonl", *options]
    assert run(command) == 0
    rows = map(json.loads, capsys.readouterr().out.splitlines())
    assert [row["question"] for row in rows] == ["Who?", "Why?"]


def test_a_question_that_is_no_unicode_reaches_the_model_as_text(loads, video, capsys):
    assert run(["ask", str(video), "caf\udce9?", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["question"] == r"caf\xe9?"


def test_without_a_question_the_hint_shows_what_to_type():
    with pytest.raises(ConfigError) as caught:
        all_questions("my clip.mp4", None, [])
    assert caught.value.hint == (
        "linvt ask 'my clip.mp4' 'What happens?', or linvt describe 'my clip.mp4'"
    )
