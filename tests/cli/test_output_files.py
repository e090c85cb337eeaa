from __future__ import annotations

import os
import shutil
import stat
import threading
from pathlib import Path

import pytest
from PIL import Image

from linvt_cli.cli.app import run
from linvt_cli.cli.output_files import (
    output_file,
    refuse_inputs,
    require_new,
    write_file,
    write_text,
)
from linvt_cli.errors import ConfigError, MachineError
from tests.cli.processes import run_warm, start_warm


def read_pipe(path: Path, read: list[bytes]) -> threading.Thread:
    """Read a named pipe to its end in a thread."""
    thread = threading.Thread(target=lambda: read.append(path.read_bytes()), daemon=True)
    thread.start()
    return thread


def test_a_file_is_written_whole_with_the_usual_rights_or_not_at_all(tmp_path):
    path = tmp_path / "a.md"
    write_text(path, "new ✓\n")
    assert path.read_bytes() == "new ✓\n".encode()
    plain = tmp_path / "plain"
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode
    with pytest.raises(MachineError, match="cannot be written"):
        write_text(tmp_path / "gone" / "a.md", "x")
    assert {each.name for each in tmp_path.iterdir()} == {"a.md", "plain"}


def test_bytes_that_are_no_text_are_written_as_text(tmp_path):
    path = tmp_path / "a.md"
    write_text(path, "# caf\udce9\n")
    assert path.read_text() == "# caf\\xe9\n"


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path):
    path = tmp_path / "a.md"
    path.write_text("old")
    path.chmod(0o640)
    assert write_file(path, lambda new: new.write_text("newer")) == 5
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("newer", 0o640)


def test_what_was_there_stays_where_the_new_cannot_be_written(tmp_path):
    path = tmp_path / "a.md"
    path.write_text("old")

    def write(new: Path) -> None:
        new.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(MachineError, match="No space left") as raised:
        write_file(path, write)
    assert raised.value.hint
    assert (path.read_text(), list(tmp_path.iterdir())) == ("old", [path])


def test_a_link_stays_one_and_leads_to_the_new_file(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    real, link = tmp_path / "elsewhere" / "a.txt", tmp_path / "a.md"
    link.symlink_to(real)  # to nothing yet
    for text in ("one", "two"):
        write_text(output_file(str(link)), text)
        assert (link.is_symlink(), real.read_text()) == (True, text)


def test_links_that_lead_to_each_other_are_an_error(tmp_path):
    loop, other = tmp_path / "loop.md", tmp_path / "other.md"
    loop.symlink_to(other)
    other.symlink_to(loop)
    for write in (lambda: output_file(str(loop)), lambda: write_text(loop, "x")):
        with pytest.raises(MachineError, match=r"loop\.md' cannot be written: .*loop"):
            write()


def test_a_pipe_gets_the_bytes_and_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    read: list[bytes] = []
    os.mkfifo(pipe)
    reader = read_pipe(pipe, read)
    write_text(output_file(str(pipe)), "text")
    reader.join(timeout=10)
    assert (read, pipe.is_fifo(), list(tmp_path.iterdir())) == ([b"text"], True, [pipe])


def test_a_full_device_is_an_error():
    with pytest.raises(MachineError, match="'/dev/full' cannot be written: No space left"):
        write_text(output_file("/dev/full"), "text")
    assert Path("/dev/full").is_char_device()


def test_a_folder_and_a_file_in_no_folder_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="is a folder"):
        output_file(str(tmp_path))
    with pytest.raises(ConfigError, match="There is no folder"):
        output_file(str(tmp_path / "gone" / "a.md"))


def test_a_name_that_the_system_cannot_look_at_is_an_error(tmp_path, monkeypatch):
    with pytest.raises(MachineError, match="File name too long"):
        output_file(str(tmp_path / f"{'x' * 300}.srt"))
    with pytest.raises(MachineError, match="File name too long"):
        write_text(tmp_path / f"{'x' * 300}.srt", "text")

    def deny(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", deny)
    with pytest.raises(MachineError, match="cannot be written: Permission denied"):
        output_file("/root/a.srt")


@pytest.mark.usefixtures("looked")
def test_a_name_that_is_too_long_is_told_before_anything_is_looked_at(video, capsys, looked):
    assert run(["describe", str(video), "-o", f"{'x' * 300}.srt"]) == 6
    assert capsys.readouterr().err.count("error: ") == 1
    assert looked == []


@pytest.mark.parametrize("how", ["itself", "a link", "a hard link", "a link to nothing"])
def test_an_input_is_not_written_over_under_any_name(tmp_path, how):
    read, written = tmp_path / "a.mp4", tmp_path / "b.md"
    if how != "a link to nothing":
        read.write_bytes(b"video")
    match how:
        case "itself":
            written = read
        case "a hard link":
            written.hardlink_to(read)
        case _:
            written.symlink_to(read)
    with pytest.raises(ConfigError, match="same file") as raised:
        refuse_inputs(written, ["other", read])
    assert raised.value.hint
    refuse_inputs(tmp_path / "c.md", [read])


@pytest.mark.usefixtures("looked")
@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("describe", "IN", "--format", "json", "-o", "OUT"), "out.mp4"),
        (("explain", "IN", "What?", "-o", "OUT"), "out.png"),
        (("tokens", "make", "IN", "-o", "OUT"), "out.linvt"),
        (("demo-clip", "IN", "--force"), "in.json"),
    ],
)
def test_no_command_writes_over_its_input(tmp_path, video, capsys, looked, arguments, name):
    source, written = tmp_path / "in.mp4", tmp_path / name
    shutil.copy(video, source)
    written.hardlink_to(source)
    names = {"IN": str(source), "OUT": str(written)}
    assert run([names.get(each, each) for each in arguments]) == 2
    assert "hint: " in capsys.readouterr().err
    assert source.read_bytes() == video.read_bytes()
    assert looked == []


@pytest.mark.usefixtures("looked")
def test_a_picture_is_not_lost_to_the_figure_about_it(tmp_path):
    picture = tmp_path / "a.png"
    Image.new("RGB", (32, 32)).save(picture)
    before = picture.read_bytes()
    assert run(["explain", str(picture), "What?", "-o", str(picture)]) == 2
    assert picture.read_bytes() == before


@pytest.mark.usefixtures("looked")
@pytest.mark.parametrize(
    ("arguments", "name", "head"),
    [
        (("describe", "IN", "-o", "OUT"), "out.txt", b"A grey wall."),
        (("explain", "IN", "What?", "-o", "OUT"), "out.png", b"\x89PNG"),
        (("tokens", "make", "IN", "-o", "OUT"), "out.linvt", b""),
        (("demo-clip", "OUT", "--force"), "out.mp4", b"\0\0\0"),
    ],
)
def test_every_command_writes_into_a_pipe(tmp_path, video, arguments, name, head):
    pipe = tmp_path / name
    read: list[bytes] = []
    os.mkfifo(pipe)
    reader = read_pipe(pipe, read)
    names = {"IN": str(video), "OUT": str(pipe)}
    assert run([names.get(each, each) for each in arguments]) == 0
    reader.join(timeout=10)
    assert (len(read[0]) > 10, read[0].startswith(head), pipe.is_fifo()) == (True, True, True)


@pytest.mark.usefixtures("looked")
@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("describe", "IN", "-o", "OUT"), "out.srt"),
        (("explain", "IN", "What?", "-o", "OUT"), "out.png"),
        (("tokens", "make", "IN", "-o", "OUT"), "out.linvt"),
        (("demo-clip", "OUT"), "out.mp4"),
    ],
)
def test_a_file_that_is_there_is_written_over_by_force_only(
    tmp_path, video, capsys, looked, arguments, name
):
    written = tmp_path / name
    written.write_text("made by hand")
    words = [{"IN": str(video), "OUT": str(written)}.get(each, each) for each in arguments]
    assert run(words) == 2
    assert "is there already\nhint: --force overwrites it" in capsys.readouterr().err
    assert (written.read_text(), looked) == ("made by hand", [])
    assert run([*words, "--force"]) == 0
    assert written.read_bytes() != b"made by hand"


def test_an_empty_file_and_a_pipe_are_as_good_as_none(tmp_path):
    empty, pipe = tmp_path / "empty", tmp_path / "pipe"
    empty.touch()
    os.mkfifo(pipe)
    for path in (empty, pipe, tmp_path / "none", Path(os.devnull)):
        require_new(path, overwrite=False)
    with pytest.raises(ConfigError, match="is there already"):
        require_new(tmp_path, overwrite=False)


@pytest.mark.parametrize("place", ["pipe", "file", "terminal"])
def test_standard_output_can_be_named_as_a_file(video, place):
    done = run_warm("describe", video, "--format", "text", "-o", "/dev/stdout", stdout=place)
    assert (done.code, done.stdout.splitlines()[0]) == (0, b"A grey wall.")


def test_what_stands_in_the_file_behind_standard_output_stays(video, tmp_path):
    kept = tmp_path / "log"
    kept.write_bytes(b"before\n")
    with kept.open("ab") as log, Path(os.devnull).open("wb") as nothing:
        process = start_warm(
            *("describe", video, "--format", "text", "-o", "/dev/stdout"),
            stdout=log.fileno(),
            stderr=nothing.fileno(),
        )
        assert process.wait() == 0
    assert kept.read_bytes().startswith(b"before\nA grey wall.\n")


def test_a_place_that_may_not_be_written_is_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda place, _: Path(place) != tmp_path)
    with pytest.raises(MachineError, match="may not be written by this user") as caught:
        output_file(str(tmp_path / "a.srt"))
    assert caught.value.hint == "name another place"
    assert output_file("/dev/null") == Path("/dev/null")
