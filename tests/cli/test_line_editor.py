from __future__ import annotations

from collections.abc import Iterator

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from linvt_cli.cli import line_editor
from linvt_cli.cli.line_editor import ChatCompleter, KeptHistory, LineEditor
from linvt_cli.cli.slash_commands import COMMANDS


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[PipeInput]:
    """Keys as a terminal sends them."""
    with create_pipe_input() as opened:
        monkeypatch.setattr(line_editor, "create_input", lambda _: opened)
        monkeypatch.setattr(line_editor, "create_output", lambda **_: DummyOutput())
        yield opened


def offered(typed: str) -> list[str]:
    document = Document(typed)
    return [each.text for each in ChatCompleter().get_completions(document, CompleteEvent())]


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("What is there?\r", "What is there?"),
        ("Où est 🐈?\r", "Où est 🐈?"),
        ("abX\x7fc\r", "abc"),  # backspace
        ("bc\x01a\x05d\r", "abcd"),  # to the beginning, to the end
        ("one\x1b\rtwo\r", "one\ntwo"),  # Alt-Enter
        ("\x1b[200~one\ntwo\x1b[201~\r", "one\ntwo"),  # pasted
        ("nonsense\x03better\r", "better"),  # Ctrl-C
    ],
)
def test_a_line_is_typed_edited_and_pasted(keys, typed, line):
    keys.send_text(typed)
    assert LineEditor(None).read() == line


def test_ctrl_c_interrupts_where_nothing_is_typed(keys):
    editor = LineEditor(None)
    keys.send_text("\x03")
    with pytest.raises(KeyboardInterrupt):
        editor.read()
    keys.send_text("still there?\r")
    assert editor.read() == "still there?"


def test_ctrl_d_ends_where_nothing_is_typed(keys):
    keys.send_text("\x04")
    with pytest.raises(EOFError):
        LineEditor(None).read()


def test_what_was_typed_can_be_had_again_the_next_time(keys, tmp_path):
    path = tmp_path / "history"
    keys.send_text("first\r")
    assert LineEditor(path).read() == "first"
    assert list(KeptHistory(str(path)).load_history_strings()) == ["first"]


def test_a_history_that_is_gone_or_full_is_none(tmp_path):
    history = KeptHistory(str(tmp_path))  # a folder cannot be read or written
    history.store_string("lost")
    assert list(history.load_history_strings()) == []
    KeptHistory(str(tmp_path / "history")).store_string("\udcff")


def test_commands_are_completed():
    assert offered("/") == [f"/{each.name}" for each in COMMANDS]
    assert offered("/fr") == ["/frames"]
    assert offered("fr") == []


def test_names_of_models_and_files_are_completed(tmp_path):
    (tmp_path / "chat.md").write_text("")
    assert offered("/model nan") == ["nano"]
    assert offered(f"/save {tmp_path}/ch") == ["at.md"]
    assert offered(f"/video {tmp_path}/ch") == ["at.md"]
    assert offered("/at 1") == []
