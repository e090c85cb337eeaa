from __future__ import annotations

import json
from fnmatch import fnmatch

import pytest

from linvt_cli.cli.app import run
from linvt_cli.cli.file_search import Filter
from linvt_cli.cli.inputs import (
    Asked,
    Selection,
    VideoRequest,
    find_requests,
    looks_like_file,
    names_one_file,
    split_arguments,
    take_shard,
)
from linvt_cli.errors import ConfigError, DatasetError, VideoNotFoundError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.mp4", "b.mp4", "in/c.mp4", "in/d.webm"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def videos(*inputs: str, **selection: object) -> list[str]:
    found = find_requests(inputs, ["What?"], Selection(**selection))  # type: ignore[arg-type]
    return [request.video for request in found]


@pytest.mark.parametrize(
    ("arguments", "more", "listed", "expected"),
    [
        (["a.mp4"], False, False, (("a.mp4",), None)),
        (["a.mp4"], True, False, (("a.mp4",), None)),
        (["a.mp4", "What?"], False, False, (("a.mp4",), "What?")),
        (["a.mp4", "b.mp4", "What?"], False, False, (("a.mp4", "b.mp4"), "What?")),
        (["a.mp4", "x.mp4"], False, False, (("a.mp4",), "x.mp4")),
        (["a.mp4", "first?"], True, False, (("a.mp4",), "first?")),
        (["a.mp4", "b.mp4"], True, False, (("a.mp4", "b.mp4"), None)),
        (["a.mp4", "missing.mp4"], True, False, (("a.mp4", "missing.mp4"), None)),
        (["a.mp4", "in"], True, False, (("a.mp4", "in"), None)),
        (["a.mp4", "-"], True, False, (("a.mp4", "-"), None)),
        (["-"], False, True, (("-",), None)),
        (["a.mp4", "no/such"], True, False, (("a.mp4", "no/such"), None)),
        (["a.mp4", "*.mp4"], True, False, (("a.mp4", "*.mp4"), None)),
        (["a.mp4", "is it day/night?"], True, False, (("a.mp4",), "is it day/night?")),
        (["a.mp4", "Describe it."], True, False, (("a.mp4",), "Describe it.")),
        (["What?"], False, True, ((), "What?")),
        (["a.mp4"], False, True, (("a.mp4",), None)),
        (["a.mp4", "What?"], False, True, (("a.mp4",), "What?")),
        ([], True, True, ((), None)),
    ],
)
def test_the_last_argument_is_the_question_unless_it_is_a_file(arguments, more, listed, expected):
    assert split_arguments(arguments, asks_otherwise=more, has_list=listed) == expected


def test_a_file_is_never_taken_for_the_question():
    with pytest.raises(ConfigError, match="should be the question"):
        split_arguments(["a.mp4", "b.mp4"], asks_otherwise=False, has_list=False)
    with pytest.raises(ConfigError, match="'-' is standard input"):
        split_arguments(["a.mp4", "-"], asks_otherwise=False, has_list=False)


@pytest.mark.parametrize("text", ["What?", "what", "Why so?", "a or b/c", "It ends. So?", "..."])
def test_questions_do_not_look_like_files(text):
    assert not looks_like_file(text)


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (["a.mp4"], True),
        (["missing.mp4"], True),
        (["x*.mp4"], True),
        (["*.mp4"], False),
        (["in"], False),
        (["-"], False),
        (["a.mp4", "b.mp4"], False),
        ([], False),
    ],
)
def test_a_single_file_is_told_from_many(inputs, expected):
    assert names_one_file(inputs) is expected


@pytest.mark.usefixtures("loads", "qa")
def test_words_of_a_question_without_quotes_are_noticed(folder, capsys):
    assert run(["ask", "a.mp4", "What", "happens", "--decode-workers", "0"]) != 0
    err = capsys.readouterr().err
    assert "note: 'What' is no file; a question of several words is put in quotes\n" in err
    assert run(["ask", "a.mp4", "none.mp4", "gone/", "Who?", "--decode-workers", "0"]) != 0
    assert "quotes" not in capsys.readouterr().err


def test_files_folders_and_patterns_keep_their_order_and_come_once():
    assert videos("in", "*.mp4", "missing.mp4", "a.mp4", "no*") == [
        "in/c.mp4", "in/d.webm", "a.mp4", "b.mp4", "missing.mp4", "no*"
    ]  # fmt: skip


def test_a_name_that_is_there_is_no_pattern(folder):
    for name in ("[ab].mp4", "x?.mp4"):
        (folder / name).write_bytes(b"x")
    assert videos("[ab].mp4", "x?.mp4") == ["[ab].mp4", "x?.mp4"]


def test_patterns_choose_in_folders_only():
    assert videos("a.mp4", "in", files=Filter(include=("*.webm",))) == ["a.mp4", "in/d.webm"]


def test_what_is_excluded_is_left_out_however_it_is_named(folder):
    (folder / "list").write_text("a.mp4\nb.mp4\nin/c.mp4\n")
    for exclude in ("b.*", "in/c.mp4", "in"):
        selection = Selection(files=Filter(exclude=(exclude,)), lists=("list",))
        by_list = [each.video for each in find_requests([], ["Who?"], selection)]
        by_name = videos("a.mp4", "b.mp4", "in/c.mp4", files=selection.files)
        left = [
            name
            for name in ("a.mp4", "b.mp4", "in/c.mp4")
            if not fnmatch(name, exclude) and exclude not in name.split("/")
        ]
        assert by_list == by_name == left
    assert videos("in", files=Filter(exclude=("in/*",))) == ["in/c.mp4", "in/d.webm"]  # below it


@pytest.mark.parametrize("place", ["in/out.csv", "./in/../in/out.csv", "link/out.csv"])
def test_files_that_are_no_video_are_left_out_whoever_names_them(folder, place):
    (folder / "in" / "out.csv").write_text("rows")
    (folder / "out.csv").write_text("another")
    (folder / "link").symlink_to(folder / "in")
    (folder / "list").write_text("in/out.csv\n")
    chosen = Selection(Filter(include=("*.csv", "c.mp4")), lists=("list",))
    found = find_requests(["in", "in/out.csv", "out.csv"], ["What?"], chosen, [place, "no.csv"])
    assert [request.video for request in found] == ["in/c.mp4", "out.csv"]


def test_rows_of_a_list_about_one_video_are_one_request(folder):
    rows = [
        {"video": "a.mp4", "question": "Who?", "id": 1},
        {"video": "b.mp4"},
        {"video": "a.mp4", "question": "Where?", "id": 2},
        {"video": "a.mp4", "question": "Who?", "id": 1},
        {"video": "a.mp4", "question": "Who?", "start": 1},
    ]
    (folder / "list").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert find_requests([], ["What?", "Why?"], Selection(lists=("list",))) == [
        VideoRequest("a.mp4", (Asked("Who?", 1), Asked("Where?", 2))),
        VideoRequest("b.mp4", (Asked("What?"), Asked("Why?"))),
        VideoRequest("a.mp4", (Asked("Who?"),), start="1"),
    ]


def test_a_video_without_a_question_is_an_error(folder):
    (folder / "list").write_text("a.mp4\n")
    with pytest.raises(ConfigError, match=r"No question about 'a\.mp4'"):
        find_requests([], [], Selection(lists=("list",)))


def test_no_video_at_all_is_an_error(folder):
    (folder / "empty").mkdir()
    with pytest.raises(VideoNotFoundError, match="There is no video in 'empty'"):
        videos("empty")
    (folder / "list").write_text("\n")
    with pytest.raises(VideoNotFoundError, match="'list'"):
        videos(lists=("list",))


def test_a_list_that_is_missing_is_an_error_and_no_video():
    with pytest.raises(DatasetError):
        videos("a.mp4", lists=("none",))


def test_shards_share_the_limited_list():
    whole = videos("a.mp4", "b.mp4", "in", limit=3)
    assert whole == ["a.mp4", "b.mp4", "in/c.mp4"]
    parts = [videos("a.mp4", "b.mp4", "in", limit=3, shard=f"{i}/2") for i in (1, 2)]
    assert parts == [["a.mp4", "in/c.mp4"], ["b.mp4"]]
    assert videos("a.mp4", shard="2/2") == []


def test_limits_and_shards_count_videos_and_leave_their_parts_together(folder):
    parts = [("a.mp4", 0, 5), ("a.mp4", 5, 9), ("b.mp4", 0, 5)]
    rows = [{"video": video, "start": start, "end": end} for video, start, end in parts]
    (folder / "parts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lists = ("parts.jsonl",)
    assert videos(lists=lists, limit=2) == ["a.mp4", "a.mp4", "b.mp4"]
    assert videos(lists=lists, shard="1/2") == ["a.mp4", "a.mp4"]
    assert videos(lists=lists, shard="2/2") == ["b.mp4"]


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1/0", "1", "a/b", "-1/2", "1/2/3"])
def test_a_shard_that_makes_no_sense_is_an_error(shard):
    with pytest.raises(ConfigError, match="is no shard"):
        take_shard([], shard)
