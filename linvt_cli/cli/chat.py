"""``linvt chat``: a conversation about a video."""

from __future__ import annotations

from typing import Annotated

import typer

from linvt_cli.cli import options
from linvt_cli.cli.chat_view import ChatView
from linvt_cli.cli.chatting import Chatting
from linvt_cli.cli.interrupts import ended_by_sigterm, prompt_interrupt
from linvt_cli.cli.lines import Lines, open_lines
from linvt_cli.cli.option_groups import (
    FramesGroup,
    GenerationGroup,
    ModelGroup,
    with_option_groups,
)
from linvt_cli.cli.output import Output, answer_form, print_message

HistoryOption = Annotated[
    bool,
    typer.Option("--history/--no-history", help="Keep what is typed for later conversations"),
]


@with_option_groups
def chat(
    video: options.VideoArgument,
    *,
    looked: FramesGroup,
    asked: ModelGroup,
    generation: GenerationGroup,
    history: HistoryOption = True,
    as_jsonl: options.JsonlOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Hold a conversation about a video.

    The video is looked at once. Each line is a question, which may lean on those before it, or a
    command: /help shows them. Lines that come from a pipe are answered one after the other.
    """
    output = Output(answer_form(as_json=False, as_jsonl=as_jsonl), quiet=quiet)
    lines = open_lines(output, keeps_history=history)
    asked = asked.doing(looked, generation)
    with output.sole_writer():
        view = ChatView(video, asked, looked, output)
        chatting = Chatting(view, generation, output, interactive=lines.interactive)
        if lines.interactive:
            converse(chatting, lines, output)
        else:
            answer_all(chatting, lines)
    raise typer.Exit(chatting.exit_code)


def answer_all(chatting: Chatting, lines: Lines) -> None:
    """Answer all lines, or those before ``/quit``.

    Raises:
        LinVTError: if the model or the video cannot be used; then no line is read.
    """
    with prompt_interrupt():
        chatting.begin()
        while (line := _next(lines)) is not None and chatting.take(line):
            pass


def converse(chatting: Chatting, lines: Lines, output: Output) -> None:
    """Answer each line as it is typed, until there are no more.

    Raises:
        LinVTError: if the model or the video cannot be used.
    """
    with prompt_interrupt():
        chatting.begin()
    going_on = True
    with ended_by_sigterm():
        while going_on:
            try:
                line = _next(lines)
            except KeyboardInterrupt:
                print_message("Ctrl-D or /quit ends")
                continue
            try:
                going_on = line is not None and chatting.take(line)
            except KeyboardInterrupt:
                output.notice("stopped")


def _next(lines: Lines) -> str | None:
    try:
        return lines.read()
    except EOFError:
        return None
