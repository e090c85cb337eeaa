from __future__ import annotations

import json
from pathlib import Path

import pytest

from linvt_cli.cli.data_files import Conversion, converted_file, folder_of_videos, new_file
from linvt_cli.cli.failures import ExitCode
from linvt_cli.cli.output import Output
from linvt_cli.errors import ConfigError, DatasetError, MachineError
from linvt_cli.training.video_data.conversion import Converted, VideoMissing
from linvt_cli.training.video_data.samples import BadSample


def convert(published: Path, file: Path, limit: int | None = None) -> ExitCode:
    return converted_file(
        "videochat2",
        published,
        file,
        videos=None,
        source=None,
        limit=limit,
        output=Output(quiet=True),
    )


def entries(*, good: int, bad: int = 0) -> str:
    qa = [{"q": "Who?", "a": "Ein Hündchen."}]
    return json.dumps([{"video": "a.mp4", "QA": qa}] * good + [{"image": "a.jpg"}] * bad)


def test_a_file_that_is_there_is_kept_unless_forced(tmp_path):
    file = tmp_path / "out.jsonl"
    assert new_file(file, overwrite=False) == file
    file.write_text("{}")
    with pytest.raises(ConfigError, match="is there already") as caught:
        new_file(file, overwrite=False)
    assert caught.value.hint == "--force overwrites it"
    assert new_file(file, overwrite=True) == file


def test_the_file_that_is_read_is_never_overwritten(tmp_path):
    file = tmp_path / "a.jsonl"
    file.touch()
    (tmp_path / "link.jsonl").symlink_to(file)
    with pytest.raises(ConfigError, match="is the file to read"):
        new_file(tmp_path / "link.jsonl", overwrite=True, not_over=file)


def test_a_folder_must_be_there_or_be_made(tmp_path):
    file = tmp_path / "new" / "out.jsonl"
    assert new_file(file, overwrite=False, makes_folder=True) == file
    with pytest.raises(ConfigError, match="There is no folder"):
        new_file(file, overwrite=False)
    with pytest.raises(ConfigError, match="There is no folder"):
        folder_of_videos(tmp_path / "new")
    assert folder_of_videos(None) is None
    assert folder_of_videos(tmp_path) == tmp_path


def test_text_is_written_as_it_is(tmp_path):
    (tmp_path / "in.json").write_text(entries(good=2))
    assert convert(tmp_path / "in.json", tmp_path / "out.jsonl") == ExitCode.DONE
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2
    assert "Ein Hündchen." in lines[0]


def test_entries_that_make_no_sense_change_the_exit_code(tmp_path):
    (tmp_path / "in.json").write_text(entries(good=1, bad=9))
    assert convert(tmp_path / "in.json", tmp_path / "out.jsonl") == ExitCode.SOME_FAILED


def test_nothing_is_written_of_which_no_sample_comes(tmp_path):
    (tmp_path / "in.json").write_text(entries(good=0, bad=2))
    with pytest.raises(
        DatasetError, match=r"No sample comes of .*: 0 samples from 2 entries, 2 bad"
    ):
        convert(tmp_path / "in.json", tmp_path / "out.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["in.json"]


def test_a_damaged_list_leaves_the_file_that_was_there(tmp_path):
    (tmp_path / "in.json").write_text(entries(good=3)[:-20])
    (tmp_path / "out.jsonl").write_text("mine")
    with pytest.raises(DatasetError, match="is damaged"):
        convert(tmp_path / "in.json", tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 2


def test_only_the_first_bad_entries_are_told(capsys):
    done = Conversion(Path("videos"), Output())
    done.count(Converted({}))
    for number in range(8):
        done.count(BadSample(f"in.json, entry {number}", "'QA' is missing", "QA"))
        done.count(VideoMissing(f"in.json, entry {number}", "a.mp4"))
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 6
    assert str(done) == "1 sample from 17 entries, 8 without their video, 8 bad"


def test_a_name_that_cannot_be_is_told(tmp_path):
    with pytest.raises(MachineError, match="cannot be written: File name too long"):
        new_file(tmp_path / ("a" * 300), overwrite=False)
