from __future__ import annotations

import os
import subprocess
import sys

import pytest

from linvt_cli.errors import VideoDecodeError, VideoError, VideoNotFoundError
from linvt_cli.video import files
from linvt_cli.video.files import (
    begins_like_sound,
    content_of,
    names_token_file,
    regular_file,
    shown_name,
)


def test_the_path_of_a_regular_file_becomes_absolute(tmp_path, monkeypatch):
    (tmp_path / "a.mp4").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    assert regular_file("a.mp4") == tmp_path / "a.mp4"


def test_a_link_is_followed_and_keeps_its_name(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"x")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "a.mp4")
    assert regular_file(tmp_path / "link.mp4").name == "link.mp4"


def test_a_dangling_link_is_a_missing_file(tmp_path):
    (tmp_path / "link.mp4").symlink_to(tmp_path / "gone.mp4")
    with pytest.raises(VideoNotFoundError):
        regular_file(tmp_path / "link.mp4")


def test_errors_carry_the_path_and_a_hint(tmp_path):
    with pytest.raises(VideoError, match="is a folder") as caught:
        regular_file(tmp_path)
    assert caught.value.path == str(tmp_path)
    assert caught.value.hint == "name a video in it"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_an_error(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"x")
    (tmp_path / "a.mp4").chmod(0)
    with pytest.raises(VideoError, match="may not be read"):
        regular_file(tmp_path / "a.mp4")


def test_a_folder_that_may_not_be_read_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(VideoError, match="may not be read"):
        regular_file(tmp_path)


def test_an_empty_file_is_an_error(tmp_path):
    (tmp_path / "a.mp4").touch()
    with pytest.raises(VideoDecodeError, match="is empty"):
        regular_file(tmp_path / "a.mp4")


def test_names_are_shown_on_one_line():
    assert shown_name("a b.mp4") == "'a b.mp4'"
    assert shown_name("a\nb.mp4") == r"'a\nb.mp4'"


@pytest.mark.parametrize(
    ("name", "head", "content"),
    [
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(8) + b"IDAT", "picture"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(25) + bytes(4) + b"acTL", "video"),
        ("a.jpg", b"\xff\xd8\xff\xe0", "picture"),
        ("a.mjpeg", b"\xff\xd8\xff\xe0", "video"),
        ("a.mp4", b"RIFF\0\0\0\0WEBPVP8 ", "webp"),
        ("a.avi", b"RIFF\0\0\0\0AVI LIST", "video"),
        ("a.mp4", b"\0\0\0\x20ftypisom", "video"),
        ("a.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "video"),
    ],
)
def test_content_is_told_by_its_first_bytes(name, head, content, tmp_path):
    (tmp_path / name).write_bytes(head)
    assert content_of(tmp_path / name) == content


@pytest.mark.parametrize("can_read", [True, False])
@pytest.mark.parametrize("brands", [b"avif\0\0\0\0mif1", b"avis\0\0\0\0", b"mif1\0\0\0\0avif"])
def test_avif_is_a_picture_where_pillow_reads_it(brands, can_read, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "pillow_reads_avif", lambda: can_read)
    (tmp_path / "a.avif").write_bytes(bytes([0, 0, 0, 8 + len(brands)]) + b"ftyp" + brands)
    assert content_of(tmp_path / "a.avif") == ("picture" if can_read else "video")


@pytest.mark.parametrize(
    ("head", "is_sound"),
    [(b"ID3\4", True), (b"\xff\xfb\x90", True), (b"FORM\0\0\0\0AIFF", True), (b"text", False),
     (b"RIFF\0\0\0\0AVI ", False)],
)  # fmt: skip
def test_sound_is_told_by_its_first_bytes(head, is_sound, tmp_path):
    (tmp_path / "a").write_bytes(head)
    assert begins_like_sound(tmp_path / "a") is is_sound


@pytest.mark.parametrize("head", [b"#EXTM3U\n", b"\xef\xbb\xbf#EXTM3U", b"\n ffconcat version 1.0"])
def test_playlists_are_refused(head, tmp_path):
    (tmp_path / "a.mp4").write_bytes(head)
    with pytest.raises(VideoDecodeError, match="is a playlist"):
        content_of(tmp_path / "a.mp4")


def test_checking_arguments_loads_no_decoder():
    heavy = {"cv2", "av", "torch", "numpy"}
    code = f"import sys, linvt_cli.video.sampling; print({heavy!r} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("name", "is_one"), [("a.linvt", True), ("a.LINVT", True), ("a.mp4", False)]
)
def test_token_files_are_known_by_their_name(name, is_one):
    assert names_token_file(name) is is_one
