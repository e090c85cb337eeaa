from __future__ import annotations

import json
from pathlib import Path

import pytest

from linvt_cli.cli.app import run
from linvt_cli.cli.demo_clip import output_paths
from linvt_cli.errors import ConfigError
from linvt_cli.video.probe import probe_video


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip, with its answers beside it."""
    clip = tmp_path_factory.mktemp("demo") / "clip.mp4"
    assert run(["demo-clip", str(clip), "--seed", "3", "--quiet"]) == 0
    return clip


def test_the_clip_is_a_video_of_the_world(written):
    assert 2 <= probe_video(written).duration <= 21


def test_the_answers_name_the_clip_and_how_to_make_it_again(written):
    document = json.loads(written.with_suffix(".json").read_text(encoding="utf-8"))
    assert (document["video"], document["seed"], document["split"]) == ("clip.mp4", 3, "test")
    for question in document["questions"]:
        assert set(question) == {"kind", "question", "answer"}
        assert all(question.values())


def test_the_same_seed_writes_the_same_questions_and_another_seed_others(written, tmp_path):
    for seed in ("3", "4"):
        assert run(["demo-clip", str(tmp_path / f"{seed}.mp4"), "--seed", seed, "--quiet"]) == 0
    first, again, other = (
        json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["questions"]
        for path in (written, tmp_path / "3.mp4", tmp_path / "4.mp4")
    )
    assert first == again
    assert first != other


def test_a_hard_clip_is_longer_and_asked_for_more(tmp_path):
    clip = tmp_path / "hard.mp4"
    assert run(["demo-clip", str(clip), "--seed", "2", "--hard", "--quiet"]) == 0
    assert 20 <= probe_video(clip).duration <= 61
    document = json.loads(clip.with_suffix(".json").read_text(encoding="utf-8"))
    assert document["difficulty"] == "hard"
    assert {"nth", "events"} <= {question["kind"] for question in document["questions"]}


def test_files_that_are_there_are_kept_unless_forced(tmp_path, capsys):
    clip, answers = tmp_path / "a.mp4", tmp_path / "a.json"
    answers.write_text("mine")
    assert run(["demo-clip", str(clip)]) == 2
    assert "hint: --force overwrites it" in capsys.readouterr().err
    assert (clip.exists(), answers.read_text()) == (False, "mine")
    assert run(["demo-clip", str(clip), "--force", "--quiet"]) == 0
    assert json.loads(answers.read_text(encoding="utf-8"))["video"] == "a.mp4"


def test_it_tells_on_stderr_what_to_try_next(tmp_path, capsys):
    assert run(["demo-clip", str(tmp_path / "my clip.mp4")]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"try: linvt ask '{tmp_path}/my clip.mp4' " in captured.err


@pytest.mark.parametrize(
    ("name", "message"),
    [("clip.avi", "does not end in .mp4"), ("no/such/folder/clip.mp4", "There is no folder")],
)
def test_a_name_that_cannot_be_written_is_refused(name, message):
    with pytest.raises(ConfigError, match=message):
        output_paths(name, overwrite=True)
