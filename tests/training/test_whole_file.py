from __future__ import annotations

from pathlib import Path

import pytest

from linvt_cli.training.whole_file import append_line, write_whole


def test_a_file_is_replaced_whole_and_its_folder_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.md"
    for text in ("a longer first text", "Größe"):
        write_whole(path, text)
        assert path.read_text(encoding="utf-8") == text
    assert [each.name for each in path.parent.iterdir()] == ["table.md"]


def test_a_cut_leaves_the_last_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(self: Path, text: str, **_: object) -> None:
        self.write_bytes(b"ha")
        raise KeyboardInterrupt

    path = tmp_path / "table.md"
    write_whole(path, "whole")
    monkeypatch.setattr(Path, "write_text", cut)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, "half")
    assert path.read_text(encoding="utf-8") == "whole"


def test_a_line_begins_a_line_of_its_own_behind_a_torn_one_too(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    append_line(path, "one")
    append_line(path, "zwei Größen")
    assert path.read_text(encoding="utf-8") == "one\nzwei Größen\n"
    path.write_bytes(path.read_bytes()[:-4])
    append_line(path, "three")
    assert path.read_bytes().splitlines()[2] == b"three"
