"""The line editor of a conversation: history, completion, pasting, by prompt_toolkit, on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input import create_input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import create_output

from linvt_cli.cli.completion import complete_model
from linvt_cli.cli.slash_commands import COMMANDS

PROMPT = "> "


class LineEditor:
    """Lines that somebody types.

    Enter ends a line, Alt-Enter begins a new one within it, as pasting several lines does. Ctrl-C
    clears what is typed; where nothing is, reading is interrupted. Ctrl-D there ends the input.

    Args:
        history: file of the lines that were typed before; None for none.
    """

    interactive = True

    def __init__(self, history: Path | None) -> None:
        kept: History = InMemoryHistory() if history is None else KeptHistory(str(history))
        self._session: PromptSession[str] = PromptSession(
            PROMPT,
            input=create_input(sys.stdin),
            output=create_output(stdout=sys.stderr),
            history=kept,
            completer=ChatCompleter(),
            complete_while_typing=False,
            key_bindings=_bindings(),
            prompt_continuation=" " * len(PROMPT),
        )

    def read(self) -> str:
        """Return the next line, which may have several.

        Raises:
            EOFError: if Ctrl-D was pressed.
            KeyboardInterrupt: if Ctrl-C was pressed and nothing was typed.
        """
        return self._session.prompt()


class KeptHistory(FileHistory):
    """A history in a file. One that can no longer be read or written is none."""

    def load_history_strings(self) -> Iterable[str]:
        """Return the lines, the newest first."""
        try:
            return list(super().load_history_strings())
        except OSError:
            return []

    def store_string(self, string: str) -> None:
        """Keep a line; one with bytes that are no UTF-8 is left out."""
        with suppress(OSError, UnicodeError):
            super().store_string(string)


class ChatCompleter(Completer):
    """Completes commands, names of files and of models."""

    def __init__(self) -> None:
        self._paths = PathCompleter(expanduser=True)

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        """Yield what may stand where the cursor is."""
        command, space, argument = document.text_before_cursor.partition(" ")
        if not command.startswith("/"):
            return
        if not space:
            for each in COMMANDS:
                if f"/{each.name}".startswith(command):
                    yield _completion(f"/{each.name}", command, each.summary)
        elif command in ("/save", "/video"):
            yield from self._paths.get_completions(Document(argument), complete_event)
        elif command == "/model":
            for name, summary in complete_model(argument):
                yield _completion(name, argument, summary)


def _completion(text: str, typed: str, summary: str) -> Completion:
    return Completion(text, start_position=-len(typed), display_meta=summary)


def _bindings() -> KeyBindings:
    bindings = KeyBindings()

    @bindings.add("c-c")
    def _(event: KeyPressEvent) -> None:
        """Clear what is typed, or interrupt."""
        if event.current_buffer.text:
            event.current_buffer.reset()
        else:
            event.app.exit(exception=KeyboardInterrupt, style="class:aborting")

    @bindings.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        """Begin a new line."""
        event.current_buffer.newline()

    return bindings
