from __future__ import annotations

import pytest

from linvt_cli import __version__
from linvt_cli.cli import app as app_module
from linvt_cli.cli.app import app, run
from linvt_cli.errors import OfflineError


def test_without_arguments_the_help_is_shown(capsys):
    assert run([]) == 0
    bare = capsys.readouterr()
    assert run(["--help"]) == 0
    assert bare == capsys.readouterr()
    assert bare.out.startswith("Usage: linvt ")


def test_the_version_is_one_line(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr() == (f"linvt {__version__}\n", "")


@pytest.mark.parametrize("arguments", [["asq"], ["ask"], ["ask", "a.mp4", "b", "--nope"], ["--no"]])
def test_a_wrong_command_line_ends_with_2_and_leaves_stdout_empty(arguments, capsys):
    assert run(arguments) == 2
    assert capsys.readouterr().out == ""


def test_a_file_that_looks_like_an_option_gets_a_hint(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-a b.mp4").touch()
    assert run(["ask", "-a b.mp4", "What?"]) == 2
    assert capsys.readouterr().err.endswith("hint: a file with this name is written './-a b.mp4'\n")
    for arguments in (["ask", "-b.mp4", "What?"], ["ask", "--nope", "--", "-a b.mp4", "What?"]):
        assert run([*arguments, "-" * 5000]) == 2
        assert "hint" not in capsys.readouterr().err


def test_a_failure_becomes_two_lines_and_its_exit_code(monkeypatch, capsys):
    def fail(*_: object, **__: object) -> None:
        raise OfflineError("No network", hint="leave out --offline")

    monkeypatch.setattr(app_module, "app", fail)
    assert run([]) == 5
    assert capsys.readouterr().err == "error: No network\nhint: leave out --offline\n"


def test_an_interruption_becomes_one_line_and_130(monkeypatch, capsys, loads, qa, video):
    def watch(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(qa, "watch", watch)
    assert run(["ask", str(video), "What?", "--quiet"]) == 130
    assert capsys.readouterr() == ("", "interrupted\n")


def test_a_bug_keeps_its_traceback(monkeypatch, loads, qa, video):
    def watch(*_: object, **__: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(qa, "watch", watch)
    with pytest.raises(KeyError):
        run(["ask", str(video), "What?", "--quiet"])


def test_every_command_says_what_it_does():
    commands = [*app.registered_commands]
    for group in app.registered_groups:
        assert group.typer_instance is not None
        commands += group.typer_instance.registered_commands
    for command in commands:
        assert command.callback is not None
        assert (command.callback.__doc__ or "")[:1].isupper()
