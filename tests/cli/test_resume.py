from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.cli.inputs import Asked, VideoRequest
from linvt_cli.cli.resume import Plan, make_plan, settings_of
from linvt_cli.cli.row_formats import KeptRow
from linvt_cli.config import ANY_SHAPE, AnswerShape, GenerationConfig
from linvt_cli.video.fingerprint import fingerprint


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in "abc":
        (tmp_path / name).write_text(f"content of {name}")
    return Path(tmp_path)


def kept(video: str, question: str = "Who?", **changes: Any) -> KeptRow:
    """Return the row that a run over the present files leaves."""
    source = fingerprint(video) if Path(video).exists() else None
    values: dict[str, Any] = {
        "video": video,
        "id": None,
        "question": question,
        "digest": None if source is None else source.digest,
        "size": None if source is None else source.size,
        "settings": "s",
        "error": None,
        "content": b"",
    }
    return KeptRow(**(values | changes))


def plan(rows: list[KeptRow], *videos: str, retry: bool = False, **of: Any) -> Plan:
    asked = of.get("asked", (Asked("Who?"),))
    requests = [(VideoRequest(video, asked), of.get("settings", "s")) for video in videos]
    return make_plan(requests, rows, retry_errors=retry)


def todo(made: Plan) -> list[str]:
    return [each.request.video for each in made.todo]


def test_what_has_a_row_is_not_done_again():
    made = plan([kept("a")], "a", "b")
    assert (todo(made), len(made.kept), len(made.done)) == (["b"], 1, 1)


def test_each_question_stands_for_itself():
    made = plan([kept("a", "Who?")], "a", asked=(Asked("Who?"), Asked("Why?")))
    assert made.todo[0].asked == (Asked("Why?"),)


@pytest.mark.parametrize("changes", [{"settings": "t"}, {"id": "7"}, {"question": "Why?"}])
def test_a_row_of_something_else_stays_and_is_none_of_this(changes):
    made = plan([kept("a", **changes)], "a")
    assert (todo(made), len(made.kept), made.done) == (["a"], 1, [])


def test_rows_carry_numbers_as_texts():
    assert todo(plan([kept("a", id="7")], "a", asked=(Asked("Who?", 7),))) == []


def test_a_renamed_file_is_recognized(folder):
    rows = [kept("a"), kept("b")]
    (folder / "a").rename(folder / "z")
    made = plan(rows, "b", "z")
    assert (todo(made), len(made.kept), len(made.done)) == ([], 2, 2)


def rename(folder: Path, **names: str) -> None:
    for name in names:
        (folder / name).rename(folder / f"was {name}")
    for name, new in names.items():
        (folder / f"was {name}").rename(folder / new)


def test_swapped_and_shifted_files_are_recognized(folder):
    rows = [kept("a"), kept("b"), kept("c")]
    rename(folder, a="b", b="a")
    made = plan(rows, "a", "b", "c")
    assert (todo(made), made.kept, len(made.done)) == ([], rows, 3)
    rename(folder, a="b", b="c", c="d")
    made = plan(rows, "b", "c", "d")
    assert (todo(made), made.kept, len(made.done)) == ([], rows, 3)


def test_the_row_of_a_file_that_a_renamed_one_replaced_goes(folder):
    rows = [kept("a"), kept("b"), kept("c")]
    (folder / "b").replace(folder / "c")
    made = plan(rows, "a", "c")
    assert (todo(made), made.kept) == ([], rows[:2])


def test_failures_of_swapped_files_are_tried_again_and_their_rows_go(folder):
    rows = [kept("a", error="VideoDecodeError"), kept("b")]
    rename(folder, a="b", b="a")
    assert todo(plan(rows, "a", "b")) == []
    made = plan(rows, "a", "b", retry=True)
    assert (todo(made), made.kept) == (["b"], [rows[1]])


def test_a_changed_file_is_done_again_and_its_row_goes(folder):
    rows = [kept("a"), kept("b")]
    (folder / "a").write_text("CONTENT of a")
    made = plan(rows, "a", "b")
    assert (todo(made), made.kept) == (["a"], [rows[1]])


def test_a_file_that_is_gone_keeps_its_answer(folder):
    rows = [kept("a")]
    (folder / "a").unlink()
    assert todo(plan(rows, "a")) == []


def test_copies_have_a_row_each(folder):
    (folder / "copy").write_text("content of a")
    assert todo(plan([kept("a")], "a", "copy")) == ["copy"]
    assert todo(plan([kept("a"), kept("copy")], "a", "copy")) == []


def test_a_copy_of_a_video_that_is_still_there_gets_a_row_of_its_own(folder):
    (folder / "copy").write_text("content of a")
    rows = [kept("a")]
    made = plan(rows, "copy")
    assert (todo(made), made.kept, made.done) == (["copy"], rows, [])
    (folder / "a").write_text("CONTENT of a")
    assert todo(plan(rows, "copy")) == []
    (folder / "a").unlink()
    assert todo(plan(rows, "copy")) == []


def test_a_copy_that_is_tried_again_leaves_the_failure_of_the_other(folder):
    (folder / "copy").write_text("content of a")
    rows = [kept("a", error="VideoDecodeError")]
    made = plan(rows, "copy", retry=True)
    assert (todo(made), made.kept) == (["copy"], rows)


@pytest.mark.parametrize("spelling", ["./a", "{folder}/a", "link/a"])
def test_another_spelling_of_a_name_is_no_copy(folder, spelling):
    (folder / "link").symlink_to(folder)
    made = plan([kept("a")], spelling.format(folder=folder))
    assert (todo(made), len(made.done)) == ([], 1)


def test_failures_stay_unless_they_shall_be_tried_again():
    rows = [kept("a", error="VideoDecodeError"), kept("missing", error="VideoNotFoundError")]
    made = plan(rows, "a", "missing")
    assert (todo(made), made.kept) == ([], rows)
    made = plan(rows, "a", "missing", retry=True)
    assert (todo(made), made.kept) == (["a", "missing"], [])


def test_a_file_that_was_missing_and_is_there_is_done(folder):
    rows = [kept("new", error="VideoNotFoundError")]
    (folder / "new").write_text("content")
    made = plan(rows, "new")
    assert (todo(made), made.kept) == (["new"], [])


def test_what_is_no_file_keeps_its_failure(folder):
    (folder / "empty").touch()
    (folder / "sub").mkdir()
    rows = [
        KeptRow(name, None, "Who?", None, None, "s", "VideoError", b"") for name in ("empty", "sub")
    ]
    assert todo(plan(rows, "empty", "sub")) == []


def test_files_that_no_row_can_be_about_are_not_read(folder, monkeypatch):
    rows = [kept("a")]
    (folder / "large").write_text("x" * 1000)
    read: list[str] = []

    def note(path: str) -> Any:
        read.append(path)
        return fingerprint(path)

    monkeypatch.setattr("linvt_cli.video.fingerprint.fingerprint", note)
    plan(rows, "a", "large")
    assert read == ["a"]


def test_names_that_are_no_utf8_are_recognized(folder):
    name = "clip\udcff"
    (folder / name).write_text("content")
    source = fingerprint(name)
    rows = [replace(kept("a"), video="clip\\xff", digest=source.digest, size=source.size)]
    assert todo(plan(rows, name)) == []


def properties(*names: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": "string"} for name in names}}


def test_settings_change_with_what_changes_answers():
    def settings(
        model: ModelOptions | None = None,
        frames: FrameOptions | None = None,
        generation: GenerationConfig | None = None,
        versions: tuple[str | None, ...] = (),
        shape: AnswerShape = ANY_SHAPE,
    ) -> str:
        return settings_of(
            model or ModelOptions("nano"),
            frames or FrameOptions(),
            generation or GenerationConfig(),
            shape,
            versions,
        )

    usual = settings()
    others = [
        settings(ModelOptions("molmo-7b-d")),
        settings(ModelOptions("nano", tokenizer="mean")),
        settings(ModelOptions("nano", video_tokens=7)),
        settings(ModelOptions("nano", checkpoint="x")),
        settings(ModelOptions("nano", weights="x")),
        settings(ModelOptions("nano", quant="int8")),
        settings(ModelOptions("nano", dtype="float32")),
        settings(frames=FrameOptions(frames=3)),
        settings(frames=FrameOptions(start="1:00")),
        settings(frames=FrameOptions(start="2", end="1")),
        settings(generation=GenerationConfig(seed=1)),
        settings(versions=("1", None)),
        settings(versions=("2", None)),
        settings(shape=AnswerShape(schema=properties("verdict", "reason"))),
        settings(shape=AnswerShape(schema=properties("reason", "verdict"))),
    ]
    assert len({usual, *others}) == 1 + len(others)
    assert settings(frames=FrameOptions(start="60")) == others[8]
    assert settings(frames=FrameOptions(decoder="pyav", min_coverage=0.1)) == usual
    assert settings(ModelOptions("nano", device="cpu", pull=True)) == usual


@pytest.mark.parametrize("spelling", ["runs/mine/", "./runs/mine", "runs//mine"])
def test_a_folder_is_the_same_however_it_is_written(spelling):
    def settings(folder: str) -> tuple[str, ...]:
        models = (
            ModelOptions(folder),
            ModelOptions("nano", checkpoint=folder),
            ModelOptions("nano", weights=folder),
        )
        return tuple(settings_of(each, FrameOptions(), GenerationConfig()) for each in models)

    assert settings(spelling) == settings("runs/mine")
    pairs = zip(settings("runs/other"), settings("runs/mine"), strict=True)
    assert all(other != mine for other, mine in pairs)


@pytest.mark.parametrize("spelling", ["mine/", "./mine", "../{here}/mine"])
def test_a_bare_name_of_a_folder_of_weights_is_that_folder(spelling):
    def settings(folder: str) -> tuple[str, ...]:
        models = (ModelOptions("nano", checkpoint=folder), ModelOptions("nano", weights=folder))
        return tuple(settings_of(each, FrameOptions(), GenerationConfig()) for each in models)

    assert settings(spelling.format(here=Path.cwd().name)) == settings("mine")
    pairs = zip(settings("hub:owner/mine"), settings("mine"), strict=True)
    assert all(other != mine for other, mine in pairs)
