from __future__ import annotations

import pytest

from linvt_cli.cli.asked import FrameOptions
from linvt_cli.cli.slash_commands import COMMANDS, file_name, is_command, narrowed, parse_command
from linvt_cli.errors import ConfigError

GIVEN = FrameOptions(8, None, None, "0:10", "0:50", "pyav", 0.25)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_is_understood_as_its_usage_shows_it(command):
    assert parse_command(command.usage) == (command.name, command.argument)


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        ("/quit  ", ("quit", "")),
        ("/QUIT", ("quit", "")),
        ("/at", ("at", "")),
        ("/save  my chat.md ", ("save", "my chat.md")),
    ],
)
def test_space_and_case_make_no_difference(line, parsed):
    assert parse_command(line) == parsed


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("/mdoel nano", "There is no command '/mdoel'", "did you mean /model?"),
        ("/frame", "There is no command '/frame'", "did you mean /frames?"),
        ("/xyz", "There is no command '/xyz'", "/help shows the commands"),
        ("/", "There is no command '/'", "/help shows the commands"),
        ("/quit now", "'/quit' takes nothing behind it", "/quit"),
        ("/save", "'/save' needs something behind it", "/save FILE"),
    ],
)
def test_what_cannot_be_meant_is_said(line, message, hint):
    with pytest.raises(ConfigError) as raised:
        parse_command(line)
    assert (raised.value.message, raised.value.hint) == (message, hint)


def test_a_question_may_begin_with_a_slash_behind_a_space():
    assert is_command("/help")
    assert not is_command(" /tmp is what?")
    assert not is_command("What is / there?")


@pytest.mark.parametrize(
    ("part", "options"),
    [
        ("1:20-1:40", FrameOptions(8, None, None, "1:20", "1:40", "pyav", 0.25)),
        ("80 - 100", FrameOptions(8, None, None, "80", "100", "pyav", 0.25)),
        ("80–100", FrameOptions(8, None, None, "80", "100", "pyav", 0.25)),  # noqa: RUF001
        ("-0:30", FrameOptions(8, None, None, None, "0:30", "pyav", 0.25)),
        ("0:30-", FrameOptions(8, None, None, "0:30", None, "pyav", 0.25)),
        ("0.5,1:02", FrameOptions(None, None, "0.5,1:02", None, None, "pyav", 0.25)),
        ("all", FrameOptions(8, None, None, None, None, "pyav", 0.25)),
        ("ALL", FrameOptions(8, None, None, None, None, "pyav", 0.25)),
    ],
)
def test_a_part_replaces_the_times_and_nothing_else(part, options):
    assert narrowed(GIVEN, part) == options


def test_a_range_without_times_is_none():
    with pytest.raises(ConfigError, match="'-' names no time"):
        narrowed(GIVEN, "-")


@pytest.mark.parametrize(
    ("name", "plain"),
    [("'my clip.mp4'", "my clip.mp4"), ('"a"', "a"), ("'", "'"), ("'a\"", "'a\""), ("a", "a")],
)
def test_quotes_around_a_name_are_no_part_of_it(name, plain):
    assert file_name(name) == plain


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("~/a.mp4", "/home/me/a.mp4"),
        ("'~/my clip.mp4'", "/home/me/my clip.mp4"),
        ("~nobody-of-this-name/a.mp4", "~nobody-of-this-name/a.mp4"),
        ("http://a//b.mp4", "http://a//b.mp4"),
    ],
)
def test_a_tilde_is_the_home_of_the_user(monkeypatch, name, path):
    monkeypatch.setenv("HOME", "/home/me")
    assert file_name(name) == path
