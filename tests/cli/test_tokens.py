from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest

from linvt_cli.cli.app import run

pytestmark = pytest.mark.usefixtures("looked")


def ask(video: Path, *more: str) -> int:
    return run(["ask", str(video), "What?", *more])


def test_the_second_question_looks_at_nothing(video, looked):
    assert ask(video, "--json") == 0
    assert ask(video, "--json") == 0
    assert [backbone.encode_calls for backbone in looked] == [1, 0]


@pytest.mark.parametrize("off", [["--no-token-cache"], ["--token-cache", "0"]])
def test_the_cache_can_be_left_out(video, looked, off):
    ask(video, *off)
    ask(video, *off)
    assert [backbone.encode_calls for backbone in looked] == [1, 1]


def test_a_record_says_whether_tokens_were_seen_before(video, capsys):
    said = []
    for _ in range(2):
        ask(video, "--json")
        said.append(json.loads(capsys.readouterr().out)["tokens"]["cached"])
    assert said == [False, True]


def test_a_token_file_is_asked_like_a_video(video, looked, tmp_path, capsys):
    file = tmp_path / "clip.linvt"
    assert run(["tokens", "make", str(video), "-o", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}\n"
    assert ask(file, "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["answer"] == "A grey wall."
    assert record["frames"]["count"] == 4
    assert looked[-1].encode_calls == 0


def test_a_token_file_has_the_frames_it_was_made_from(video, tmp_path, capsys, monkeypatch):
    file = tmp_path / "clip.linvt"
    run(["tokens", "make", str(video), "-o", str(file)])
    for command in (["ask", "What?"], ["describe"]):
        assert run([command[0], str(file), *command[1:], "--start", "1"]) == 2
    assert "leave out --start" in capsys.readouterr().err
    assert run(["ask", str(file), str(video), "What?", "--start", "1", "--jsonl"]) == 7
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["error"] is None for row in rows] == [False, True]
    monkeypatch.setattr("sys.stdin", io.StringIO("/at 1-2\nWhat?\n"))
    assert run(["chat", str(file)]) == 7
    said = capsys.readouterr()
    assert ("leave out --start" in said.err, said.out) == (True, "A grey wall.\n")


def test_a_token_file_has_its_name(video, tmp_path, capsys):
    assert run(["tokens", "make", str(video), "-o", str(tmp_path / "clip.bin")]) == 2
    assert "clip.bin.linvt" in capsys.readouterr().err


def test_a_token_file_is_not_made_of_a_token_file(video, tmp_path, capsys):
    file = tmp_path / "clip.linvt"
    run(["tokens", "make", str(video), "-o", str(file)])
    assert run(["tokens", "make", str(file), "-o", str(tmp_path / "b.linvt")]) == 2
    assert "token file already" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_told_before_anything_is_looked_at(
    video, looked, tmp_path, capsys
):
    assert run(["tokens", "make", str(video), "-o", str(tmp_path / "no" / "b.linvt")]) == 2
    assert "There is no folder" in capsys.readouterr().err
    assert looked == []


def test_a_damaged_token_file_is_an_error_of_the_video(tmp_path, capsys):
    (tmp_path / "a.linvt").write_bytes(b"no tokens")
    assert ask(tmp_path / "a.linvt") == 3
    assert "no whole token file" in capsys.readouterr().err


def test_what_is_kept_is_listed(video, capsys):
    ask(video)
    capsys.readouterr()
    assert run(["tokens", "list"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["MODEL", "TOKENIZER", "FRAMES"]
    assert line.startswith("tiny")
    assert line.endswith(str(video))
    assert run(["tokens", "list", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["video"], row["frames"]) == (str(video), 4)
    assert Path(row["path"]).stat().st_size == row["size"]


def test_a_name_with_line_breaks_has_one_line_and_can_be_removed_by_it(video, tmp_path, capsys):
    path = tmp_path / "new\nline \x1b[31m.mp4"
    shutil.copy(video, path)
    ask(path)
    path.unlink()
    capsys.readouterr()
    assert run(["tokens", "list"]) == 0
    _, line = capsys.readouterr().out.splitlines()
    listed = f"{tmp_path}/new\\nline \\x1b[31m.mp4"
    assert line.endswith(listed)
    assert run(["tokens", "remove", listed]) == 0


def test_an_empty_cache_is_an_empty_list(capsys):
    assert run(["tokens", "list"]) == 0
    assert capsys.readouterr().out == ""
    assert run(["tokens", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize("everything", [True, False])
def test_what_is_kept_can_be_removed(video, looked, capsys, everything):
    ask(video)
    assert run(["tokens", "remove", "--all" if everything else str(video)]) == 0
    assert "removed" in capsys.readouterr().err
    ask(video)
    assert looked[-1].encode_calls == 1


def test_a_video_of_which_nothing_is_kept_is_an_error(video, capsys):
    assert run(["tokens", "remove", str(video)]) == 2
    assert "Nothing is kept" in capsys.readouterr().err
    assert run(["tokens", "remove"]) == 2
    assert run(["tokens", "remove", "--all", str(video)]) == 2


def test_the_folder_is_printed(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("LINVT_HOME", str(tmp_path))
    assert run(["tokens", "path"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'tokens'}\n"
