from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from linvt_cli.cli.app import run

pytestmark = pytest.mark.usefixtures("looked")


def test_the_answer_is_printed_and_the_figure_written(video, tmp_path, capsys):
    file = tmp_path / "why.png"
    assert run(["explain", str(video), "What is there?", "-o", str(file)]) == 0
    printed = capsys.readouterr()
    assert printed.out == "A grey wall.\n"
    assert f"written: {file}" in printed.err
    with Image.open(file) as picture:
        assert picture.format == "PNG"


def test_bytes_that_are_no_text_are_asked_as_text(video, tmp_path, capsys):
    file = tmp_path / "why.png"
    assert run(["explain", str(video), "caf\udce9?", "-o", str(file)]) == 0
    assert file.exists()


def test_a_video_that_was_asked_about_before_is_looked_at_again_for_its_pictures(
    video, tmp_path, looked
):
    assert run(["ask", str(video), "What?"]) == 0
    assert run(["explain", str(video), "What?", "-o", str(tmp_path / "why.png")]) == 0
    assert [backbone.encode_calls for backbone in looked] == [1, 1]


@pytest.mark.parametrize(
    ("video_name", "file", "said"),
    [
        (None, "why.jpg", "is no name of a PNG"),
        ("clip.linvt", "why.png", "holds tokens"),
        ("missing.mp4", "why.png", "missing.mp4"),
        (None, "missing/why.png", "There is no folder"),
    ],
)
def test_what_cannot_be_drawn_ends_in_one_line(
    video: Path, tmp_path, capsys, monkeypatch, video_name, file, said
):
    monkeypatch.chdir(tmp_path)
    code = run(["explain", video_name or str(video), "What?", "-o", file])
    assert code not in (0, 1)
    message = capsys.readouterr().err
    assert said in message
    assert "hint: " in message
    assert "Traceback" not in message
    assert not Path(file).exists()


def test_an_empty_question_is_refused(video, tmp_path, capsys):
    assert run(["explain", str(video), " ", "-o", str(tmp_path / "a.png")]) == 2
    assert "question" in capsys.readouterr().err.lower()


def test_what_cannot_be_written_is_told_before_a_model_is_loaded(video, tmp_path, looked, capsys):
    file = tmp_path / "none" / "why.png"
    assert run(["explain", str(video), "What?", "-o", str(file)]) == 2
    assert "no folder" in capsys.readouterr().err
    assert looked == []


def test_a_video_that_is_not_there_is_told_before_a_model_is_loaded(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("linvt_cli.cli.explain.load_model", lambda *_: pytest.fail("loaded"))
    assert run(["explain", str(tmp_path / "no.mp4"), "What?", "-o", str(tmp_path / "a.png")]) == 3
    assert "no file" in capsys.readouterr().err


def test_without_matplotlib_no_model_is_loaded(video, tmp_path, looked, monkeypatch, capsys):
    monkeypatch.setattr("linvt_cli.pipeline.figures.find_spec", lambda name: None)
    assert run(["explain", str(video), "What?", "-o", str(tmp_path / "why.png")]) == 6
    assert ".[figures]" in capsys.readouterr().err
    assert looked == []


def test_the_answer_is_printed_though_the_figure_cannot_be_written(
    video, tmp_path, monkeypatch, capsys
):
    def draw(answer, watched, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("linvt_cli.pipeline.source_figure.draw_sources", draw)
    assert run(["explain", str(video), "What?", "-o", str(tmp_path / "why.png")]) == 6
    printed = capsys.readouterr()
    assert printed.out == "A grey wall.\n"
    assert "No space left" in printed.err
    assert not list(tmp_path.glob("why*"))
