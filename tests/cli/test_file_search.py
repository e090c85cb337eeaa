from __future__ import annotations

import os
from pathlib import Path

import pytest

from linvt_cli.cli.file_search import Filter, files_in, files_like, matches_nothing, names_media
from linvt_cli.errors import VideoError

NAMES = [
    "b.mp4",
    "a b'c\".MOV",
    "🙂.webm",
    "two\nlines.mkv",
    "-dash.mp4",
    "[1].mp4",
    "notes.txt",
    "clip",
    "still.PNG",
    ".hidden.mp4",
    "._b.mp4",
    "sub/b.mp4",
    "sub/deep/c.avi",
    ".cache/d.mp4",
]


@pytest.fixture
def folder(tmp_path: Path) -> str:
    for name in NAMES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return str(tmp_path)


def found(folder: str, **patterns: tuple[str, ...]) -> list[str]:
    return [os.path.relpath(path, folder) for path in files_in(folder, Filter(**patterns))]


def test_videos_and_pictures_are_found_below_the_folder_sorted_by_their_bytes(folder):
    expected = ["-dash.mp4", "[1].mp4", "a b'c\".MOV", "b.mp4", "still.PNG", "sub/b.mp4",
                "sub/deep/c.avi", "two\nlines.mkv", "🙂.webm"]  # fmt: skip
    assert found(folder) == expected


def test_included_patterns_stand_instead_of_the_endings(folder):
    assert found(folder, include=("*.txt", "clip")) == ["clip", "notes.txt"]


def test_a_pattern_with_a_slash_is_compared_with_the_path(folder):
    assert found(folder, include=("sub/*.avi",)) == ["sub/deep/c.avi"]


def test_files_and_whole_folders_are_excluded(folder):
    assert "b.mp4" not in found(folder, exclude=("b.mp4",))
    assert not [path for path in found(folder, exclude=("sub",)) if path.startswith("sub")]
    assert "sub/deep/c.avi" not in found(folder, exclude=("sub/deep",))


def test_a_link_to_a_folder_above_is_no_endless_search(folder):
    (Path(folder) / "sub" / "up").symlink_to(folder)
    assert found(folder).count("sub/b.mp4") == 1


def test_a_folder_that_looks_like_a_video_is_searched(folder):
    (Path(folder) / "trip.mp4").mkdir()
    (Path(folder) / "trip.mp4" / "x.mp4").write_bytes(b"x")
    assert "trip.mp4/x.mp4" in found(folder)
    assert "trip.mp4" not in found(folder)


def test_folders_that_cannot_be_listed_are_not_lost(folder, monkeypatch):
    usual = os.scandir

    def scandir(place):
        if str(place).endswith("deep"):
            raise PermissionError(13, "Permission denied")
        return usual(place)

    monkeypatch.setattr(os, "scandir", scandir)
    assert "sub/deep" in found(folder)


def test_the_folder_itself_must_be_there(tmp_path):
    with pytest.raises(VideoError, match="cannot be read: No such file"):
        list(files_in(str(tmp_path / "none"), Filter()))


def test_patterns_match_files_sorted_and_search_folders(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert list(files_like("*b*.mp4", Filter())) == ["b.mp4"]
    assert list(files_like("**/*.mp4", Filter())) == ["-dash.mp4", "[1].mp4", "b.mp4", "sub/b.mp4"]
    assert list(files_like("su*", Filter())) == ["sub/b.mp4", "sub/deep/c.avi"]
    assert list(files_like("no*", Filter(include=("*.mp4",)))) == ["notes.txt"]


@pytest.mark.parametrize("beginning", ["", "sub/../"])
def test_what_is_excluded_is_none_of_a_pattern_s_files(folder, monkeypatch, beginning):
    monkeypatch.chdir(folder)

    def like(pattern: str, *exclude: str) -> list[str]:
        found = files_like(beginning + pattern, Filter(exclude=exclude))
        return [path.removeprefix(beginning) for path in found]

    assert like("**/*.mp4", "b*", "[[]1]*") == ["-dash.mp4"]
    assert like("**/*.mp4", "sub") == ["-dash.mp4", "[1].mp4", "b.mp4"]
    assert like("**/*.mp4", "sub/b.mp4") == ["-dash.mp4", "[1].mp4", "b.mp4"]
    assert like("su*", "deep") == ["sub/b.mp4"]
    assert like("su*", "sub") == []


def test_two_stars_follow_no_links_to_folders(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (Path(folder) / "sub" / "up").symlink_to(folder)
    (Path(folder) / "other.mp4").symlink_to("sub", target_is_directory=True)
    everything = ["-dash.mp4", "[1].mp4", "b.mp4", "sub/b.mp4"]
    assert list(files_like("**/*.mp4", Filter())) == everything
    assert list(files_like("**/**/*.mp4", Filter())) == everything
    assert list(files_like(f"{folder}/**/b.mp4", Filter())) == [
        f"{folder}/{name}" for name in ("b.mp4", "sub/b.mp4")
    ]
    assert list(files_like("**//b.mp4", Filter())) == ["b.mp4", "sub/b.mp4"]
    assert list(files_like("**/*/b.mp4", Filter())) == ["sub/b.mp4"]
    assert list(files_like("**/up/", Filter())) == []
    (Path(folder) / "empty").mkdir()
    assert not matches_nothing("empty/**")
    assert matches_nothing("**/up/**/none.mp4")
    assert list(files_like("sub/up/[-]*.mp4", Filter())) == ["sub/up/-dash.mp4"]  # named itself


def test_folders_are_searched_behind_a_pattern_of_any_depth(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert list(files_like("**/deep", Filter())) == ["sub/deep/c.avi"]
    assert list(files_like("**/deep/", Filter())) == ["sub/deep/c.avi"]
    assert list(files_like("sub/**", Filter())) == ["sub/b.mp4", "sub/deep/c.avi"]


@pytest.mark.parametrize(
    ("name", "expected"), [("a.MP4", True), ("a.png", True), ("a.txt", False), ("mp4", False)]
)
def test_endings_tell_media(name, expected):
    assert names_media(name) is expected


def test_where_a_path_begins_is_no_folder_to_exclude():
    hidden = Filter(exclude=(".*",))
    assert not hidden.leaves_out("./a.mp4")
    assert not hidden.leaves_out("../videos/a.mp4")
    assert not hidden.leaves_out("/a.mp4")
    assert hidden.leaves_out("./.trash/a.mp4")
