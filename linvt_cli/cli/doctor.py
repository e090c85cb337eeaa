"""``linvt doctor``: is everything here that linvt needs, and does it work?"""

from __future__ import annotations

from typing import Annotated

import typer

from linvt_cli import __version__, errors
from linvt_cli.cli import options
from linvt_cli.cli.asked import AUTO
from linvt_cli.cli.completion import complete_check
from linvt_cli.cli.failures import ExitCode, exit_code_of_class
from linvt_cli.cli.output import Output, printable
from linvt_cli.doctor.checks import CHECKS, find_check
from linvt_cli.doctor.findings import Circumstances, Row, to_record
from linvt_cli.doctor.isolation import run_check
from linvt_cli.errors import LinVTError


def doctor(
    checks: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CHECK",
            help="Run this check only; may be repeated [default: all]",
            autocompletion=complete_check,
        ),
    ] = None,
    model: Annotated[
        str | None,
        options.model_option(
            "Look for the files of this model too: a name of 'linvt models list', a folder, or"
            " hub:owner/name[@revision]",
        ),
    ] = None,
    device: options.DeviceOption = "auto",
    offline: options.OfflineOption = False,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Check that linvt works on this machine, and say what to fix.

    Nothing is downloaded and no setting is changed.
    """
    chosen = tuple(find_check(name) for name in checks or ()) or CHECKS
    output = Output("json" if as_json else "text", quiet=quiet)
    circumstances = Circumstances(None if model == AUTO else model, device, offline)
    rows: list[Row] = []
    for check in chosen:
        with output.progress(f"Checking {check.name}: {check.summary}"):
            row = run_check(check, circumstances)
        rows.append(row)
        if not as_json:
            for line in as_lines(row):
                output.line(line)
    if as_json:
        output.record(to_record(rows, version=__version__))
        output.finish(as_list=False)
    else:
        output.line(verdict(rows))
    raise typer.Exit(exit_code(rows))


_NAME_WIDTH = max(len(check.name) for check in CHECKS)


def as_lines(row: Row) -> list[str]:
    """Return a row as people read it: how it ended, and below it what to do."""
    lines = [f"{row.status:8} {row.name:{_NAME_WIDTH}}  {printable(row.message)}"]
    if row.hint is not None:
        lines.append(f"{'':8} {'':{_NAME_WIDTH}}  hint: {printable(row.hint)}")
    return lines


def verdict(rows: list[Row]) -> str:
    """Return the last line of a report."""
    failed = [row.name for row in rows if row.status == "failed"]
    if failed:
        return f"{len(failed)} of {len(rows)} checks failed: {', '.join(failed)}"
    warnings = [row.name for row in rows if row.status == "warning"]
    return "all is well" + (f", but look at: {', '.join(warnings)}" if warnings else "")


def exit_code(rows: list[Row]) -> ExitCode:
    """Return the exit code of the first failure, the one that its error has everywhere."""
    for row in rows:
        if row.failure is not None:
            failure: type[LinVTError] = getattr(errors, row.failure)
            return exit_code_of_class(failure)
    return ExitCode.DONE
