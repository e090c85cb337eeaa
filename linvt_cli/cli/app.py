"""The command line, assembled: commands, and how they end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from linvt_cli import __version__
from linvt_cli.cli.ask import ask
from linvt_cli.cli.broken_pipe import ends_by_sigpipe
from linvt_cli.cli.chat import chat
from linvt_cli.cli.config import config, defaults_of_command, defaults_of_user
from linvt_cli.cli.data import data
from linvt_cli.cli.demo_clip import demo_clip
from linvt_cli.cli.describe import describe
from linvt_cli.cli.doctor import doctor
from linvt_cli.cli.evaluate import evaluate
from linvt_cli.cli.explain import explain
from linvt_cli.cli.failures import ExitCode, exit_code_of
from linvt_cli.cli.models import models
from linvt_cli.cli.output import Output, StdoutError, print_error, print_message
from linvt_cli.cli.quantize import quantize
from linvt_cli.cli.shell_words import file_word
from linvt_cli.cli.tokens import tokens
from linvt_cli.cli.train import train
from linvt_cli.errors import LinVTError

app = typer.Typer(
    name="linvt",
    pretty_exceptions_enable=False,  # a bug shows a plain traceback
    rich_markup_mode=None,  # help without Rich, which costs as much to import as all of linvt
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(ask)
app.command()(chat)
app.command()(describe)
app.command()(demo_clip)
app.command()(doctor)
app.command()(explain)
app.command(short_help="Quantize a model once, so that it starts fast")(quantize)
app.command()(train)
app.add_typer(data, name="data")
app.add_typer(evaluate, name="evaluate", short_help="Measure how well a model answers")
app.add_typer(models, name="models")
app.add_typer(config, name="config")
app.add_typer(tokens, name="tokens")


def print_version(wanted: bool) -> None:
    """Print the version and stop, if that is wanted."""
    if wanted:
        Output().line(f"linvt {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def linvt(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Show the version"),
    ] = False,
) -> None:
    """Ask questions about videos, on your own machine.

    Try: linvt demo-clip clip.mp4, then linvt ask clip.mp4 "What happens?"
    """
    if context.invoked_subcommand is None:
        Output().line(context.get_help())
    else:
        # The doctor reports a broken configuration like any other trouble.
        values = defaults_of_user(strict=context.invoked_subcommand != "doctor")
        command = getattr(context.command, "commands", {})[context.invoked_subcommand]
        context.default_map = {context.invoked_subcommand: defaults_of_command(command, values)}


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code.

    Only failures that a user can do something about become messages; anything else is a bug and
    leaves as it is, with its traceback.

    Args:
        arguments: without the program's name; where left out, those of this process.
    """
    try:
        app(arguments, prog_name="linvt")
    except LinVTError as error:
        print_error(error)
        return exit_code_of(error)
    except StdoutError as error:
        print_error(error.failure)
        return exit_code_of(error.failure)
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # of which Click makes a bug's exit code
            with ends_by_sigpipe():
                raise end.__context__ from None
        if end.code == ExitCode.INTERRUPTED:
            print_message("interrupted")
        if end.code == ExitCode.USAGE:
            _tell_of_dashes(sys.argv[1:] if arguments is None else arguments)
        return end.code if isinstance(end.code, int) else ExitCode.BUG
    return ExitCode.DONE


def _tell_of_dashes(arguments: Sequence[str]) -> None:
    """Say how to name a file that was taken for an option."""
    for name in arguments:
        if name == "--":
            return
        if name.startswith("-") and name != "-" and _is_there(name):
            print_message(f"hint: a file with this name is written {file_word(name)}")
            return


def _is_there(name: str) -> bool:
    """Whether there is a file of a name that may be no name at all."""
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # too long, or with a NUL
        return False
