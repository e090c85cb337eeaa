"""The commands of a conversation: lines that begin with a slash. Imports nothing heavy."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from difflib import get_close_matches

from linvt_cli.cli.asked import FrameOptions
from linvt_cli.errors import ConfigError

ALL = "all"
"""What ``/at`` takes for the whole video."""


@dataclass(frozen=True, slots=True)
class SlashCommand:
    """One command."""

    name: str  # without the slash
    argument: str  # as the help shows it; empty where there is none
    summary: str
    may_be_bare: bool = False  # whether the argument may be left out

    @property
    def usage(self) -> str:
        """How it is typed."""
        return f"/{self.name} {self.argument}".rstrip()


COMMANDS = (
    SlashCommand("frames", "", "Say which frames are looked at"),
    SlashCommand(
        "at",
        "1:20-1:40",
        "Look at this part only, at single times (0.5,1:02), or at all again",
        may_be_bare=True,
    ),
    SlashCommand("model", "NAME", "Ask another model; the conversation goes on", may_be_bare=True),
    SlashCommand("video", "FILE", "Turn to another video, and begin anew"),
    SlashCommand("forget", "", "Let the model forget what was said"),
    SlashCommand("save", "FILE", "Write the conversation: Markdown (.md) or JSON (.json)"),
    SlashCommand("help", "", "Show the commands"),
    SlashCommand("quit", "", "End, as Ctrl-D does"),
)


def is_command(line: str) -> bool:
    """Whether a line is a command. A question that begins with a slash has a space before it."""
    return line.startswith("/")


def parse_command(line: str) -> tuple[str, str]:
    """Return the name and the argument of a command, which is empty where there is none.

    Raises:
        ConfigError: if there is no such command, or it wants another argument.
    """
    name, _, argument = line[1:].partition(" ")
    name, argument = name.strip(), argument.strip()
    command = next((each for each in COMMANDS if each.name == name.lower()), None)
    if command is None:
        raise ConfigError(f"There is no command '/{name}'", field="command", hint=_nearest(name))
    if argument and not command.argument:
        raise ConfigError(
            f"'/{command.name}' takes nothing behind it", field="command", hint=command.usage
        )
    if command.argument and not argument and not command.may_be_bare:
        raise ConfigError(
            f"'/{command.name}' needs something behind it", field="command", hint=command.usage
        )
    return command.name, argument


def _nearest(name: str) -> str:
    close = get_close_matches(name.lower(), [each.name for each in COMMANDS], n=1, cutoff=0.5)
    return f"did you mean /{close[0]}?" if close else "/help shows the commands"


def narrowed(frames: FrameOptions, part: str) -> FrameOptions:
    """Return the options that look at a part of the video.

    Args:
        frames: as the command line has them.
        part: ``all``, two times with a dash between them of which one may be missing, or single
            times with commas between them.

    Raises:
        ConfigError: if a range names no time.
    """
    if part.lower() == ALL:
        return replace(frames, at=None, start=None, end=None)
    start, dash, end = (text.strip() for text in part.replace("–", "-").partition("-"))  # noqa: RUF001
    if not dash:
        return replace(frames, frames=None, fps=None, at=part, start=None, end=None)
    if not (start or end):
        raise ConfigError(f"'{part}' names no time", field="at", hint="/at 1:20-1:40, or /at all")
    return replace(frames, at=None, start=start or None, end=end or None)


def file_name(text: str) -> str:
    """Return the name of a file without the quotes around it, as people paste it, and without ~."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    return os.path.expanduser(text)  # noqa: PTH111 - a path would shorten what is none, as http://
