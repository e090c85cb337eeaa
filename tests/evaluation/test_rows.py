from __future__ import annotations

from pathlib import Path

import pytest

from linvt_cli.errors import DatasetError
from linvt_cli.evaluation.rows import Row, without_letters

FILE = Path("data/action_count.json")


def row(**values: object) -> Row:
    return Row(values, FILE, 3)


@pytest.mark.parametrize(
    ("take", "values", "said"),
    [
        (lambda r: r.text("question"), {}, "is missing"),
        (lambda r: r.text("question"), {"question": None}, "is missing"),
        (lambda r: r.text("question"), {"question": "  "}, "is empty"),
        (lambda r: r.text("question"), {"question": ["?"]}, "is no text but a list"),
        (lambda r: r.seconds("start"), {"start": "1"}, "is no number of seconds but a text"),
        (lambda r: r.seconds("start"), {"start": -1}, "must be from 0 to 1000000 seconds"),
        (lambda r: r.seconds("start"), {"start": float("nan")}, "must be from 0 to 1000000"),
        (lambda r: r.seconds("start"), {"start": 10**400}, "must be from 0 to 1000000 seconds"),
        (lambda r: r.texts("candidates"), {"candidates": "a"}, "is no list but a text"),
        (lambda r: r.texts("candidates"), {"candidates": ["a"]}, "has 1 entries"),
        (lambda r: r.texts("candidates"), {"candidates": [{}, {}]}, "is no list of texts"),
        (lambda r: r.place("answer", 4), {"answer": 4}, "must be 0 to 3, not 4"),
        (lambda r: r.place("answer", 4), {"answer": "B"}, "must be 0 to 3, not 'B'"),
        (lambda r: r.place("answer", 4), {"answer": 1.0}, "must be 0 to 3, not 1.0"),
        (lambda r: r.place_of_text("answer", ["a"]), {"answer": "b"}, "is none of the options"),
        (lambda r: r.place_of_letter("answer", 4), {"answer": "E"}, "must be a letter from A to D"),
    ],
)
def test_a_wrong_field_is_an_error_that_names_file_row_and_field(take, values, said):
    with pytest.raises(DatasetError) as caught:
        take(row(**values))
    field = next(iter(values), None) or "question"
    assert caught.value.message.startswith(f"Field '{field}' of row 3 in '{FILE}' ")
    assert said in caught.value.message
    assert (caught.value.path, caught.value.line) == (str(FILE), 3)


def test_fields_are_read_as_they_are_meant():
    taken = row(name=12, start=1, options=["a ", 2], place="1", answer="a", letter="B")
    assert taken.text("name") == "12"
    assert taken.seconds("start") == 1.0
    assert taken.texts("options") == ("a", "2")
    assert taken.place("place", 2) == 1
    assert taken.place_of_text("answer", ["b", "a"]) == 1
    assert taken.place_of_text("answer", ["a", "b", "a", "c"]) == 2  # as the official scripts
    assert taken.place_of_letter("letter", 2) == 1


def test_half_a_character_is_replaced():
    taken = row(question="what \ud83d happens?", options=["a\udc00", "b"])
    assert taken.text("question") == "what \ufffd happens?"
    assert taken.texts("options") == ("a\ufffd", "b")


def test_a_video_is_found_in_any_folder_and_with_another_ending(tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "a.webm").touch()
    folders = [tmp_path / "old", tmp_path / "new"]
    assert row().video("video", "a.mp4", folders) == tmp_path / "new" / "a.webm"
    assert row().video("video", "a", folders) == tmp_path / "new" / "a.webm"


def test_a_name_with_dots_keeps_them(tmp_path):
    (tmp_path / "Travel.1_2.mp4").touch()
    assert row().video("video", "Travel.1_2", [tmp_path]).name == "Travel.1_2.mp4"


@pytest.mark.parametrize("name", ["/etc/passwd", "../a.mp4", "a/../../b.mp4"])
def test_a_video_outside_of_the_folder_is_refused(tmp_path, name):
    with pytest.raises(DatasetError, match="leads out of the folder"):
        row().video("video", name, [tmp_path])


def test_a_name_that_no_file_can_have_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="is too long for a name: 'aaaa"):
        row().video("video", "a" * 300, [tmp_path])
    with pytest.raises(DatasetError, match="which is not in"):
        row().video("video", "\ud800\0", [tmp_path])


def test_a_path_that_is_too_long_is_an_error_of_its_row(tmp_path):
    with pytest.raises(DatasetError, match=r"Field 'video' of row 3 .*too long") as caught:
        row().video("video", "a/" * 3000, [tmp_path])
    assert len(caught.value.message) < 600


def test_a_folder_that_may_not_be_read_is_an_error_of_its_row(tmp_path, monkeypatch):
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", refuse)
    with pytest.raises(DatasetError, match=r"Field 'video' .*for: Permission denied"):
        row().video("video", "a.mp4", [tmp_path])


def test_a_video_may_have_other_names_elsewhere(tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "7.mp4").touch()
    folders = [tmp_path / "new", tmp_path / "old"]
    assert row().video("video", "01/7", folders, others=["7"]) == tmp_path / "old" / "7.mp4"
    with pytest.raises(DatasetError, match="leads out of the folder"):
        row().video("video", "7", folders, others=["../7"])


def test_a_missing_video_is_an_error_that_says_where_it_was_looked_for(tmp_path):
    with pytest.raises(DatasetError, match=r"Field 'video' of row 3 .*'a\.mp4', which is not in"):
        row().video("video", "a.mp4", [tmp_path / "videos"])


def test_letters_go_only_where_all_options_have_theirs():
    assert without_letters(["A. red", "B. blue"]) == ("red", "blue")
    assert without_letters(["(A) red", "(B) blue"]) == ("red", "blue")
    assert without_letters(["A. red", "blue"]) == ("A. red", "blue")
    assert without_letters(["A book", "B. blue"]) == ("A book", "B. blue")
