"""``linvt config``: what users set once, and where it comes from."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn

import typer

from linvt_cli.cli.asked import ModelOptions
from linvt_cli.cli.completion import complete_key
from linvt_cli.cli.options import JsonOption
from linvt_cli.cli.output import Output
from linvt_cli.errors import ConfigError, LinVTError, MachineError
from linvt_cli.models.files import require_folder
from linvt_cli.models.source import names_folder, names_repository, parse_source
from linvt_cli.settings.file import FileSettings, config_file, read_file, write_setting
from linvt_cli.settings.folders import expanded
from linvt_cli.settings.table import SETTINGS, Setting, Value, find_setting

config = typer.Typer(help="Show and change what holds for every command", no_args_is_help=True)

KeyArgument = Annotated[
    str, typer.Argument(metavar="KEY", help="Name of a setting", autocompletion=complete_key)
]


@config.command("path")
def show_path() -> None:
    """Print where the configuration file is, or would be."""
    Output().line(str(config_file()))


@config.command("show")
def show_settings(as_json: JsonOption = False) -> None:
    """Show every setting: its value and where that comes from.

    An option on the command line beats the environment, that beats the file, and that the default.
    """
    output = Output("json" if as_json else "text")
    file = read_file()
    from_file = file.checked()
    origins = [origin_of(setting, file, from_file) for setting in SETTINGS]
    if as_json:
        for origin in origins:
            output.record(
                {
                    "key": origin.setting.key,
                    "value": origin.value,
                    "source": origin.source,
                    "place": origin.place,
                }
            )
        output.finish(as_list=True)
        return
    for line in settings_table(origins):
        output.line(line)


@config.command("set")
def set_key(
    key: KeyArgument,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="What it shall be")],
) -> None:
    """Write a setting into the configuration file; its comments stay."""
    setting = find_setting(key)
    parsed = setting.parse(value, source=key)
    if key == "model":
        parsed = _usable_model(value)  # a wrong one is refused here, not at the next question
    path = write_setting(key, parsed)
    output = Output()
    output.notice(f"{key} is {shown(parsed)} in {path}")
    if os.environ.get(setting.variable):
        output.warning(f"{setting.variable} is set in the environment, and goes before the file")


def _usable_model(named: str) -> str:
    """Return the name of a model as it holds in every working folder.

    Raises:
        LinVTError: if there is no such model, or it is no name of a repository.
    """
    if ModelOptions(named).spec is None:
        if names_repository(named):
            parse_source(named)
        elif names_folder(named):
            return str(require_folder(expanded(named).absolute()))
    return named


@config.command("unset")
def unset_key(key: KeyArgument) -> None:
    """Remove a setting from the configuration file, so that its default holds."""
    file = read_file(config_file())
    if key in file.values:
        write_setting(key, None)
        Output().notice(f"{key} is no longer set in {file.path}")
        return
    find_setting(key)
    Output().notice(f"{key} was not set in {file.path}")


@dataclass(frozen=True, slots=True)
class Origin:
    """The value of a setting, and where it comes from."""

    setting: Setting
    value: Value | None  # None where the model decides
    source: str  # environment, file or default
    place: str | None = None  # the variable, or the file and its line


def origin_of(setting: Setting, file: FileSettings, from_file: dict[str, Value]) -> Origin:
    """Return what a setting is where the command line says nothing of it.

    Raises:
        ConfigError: if the environment has a value that the setting does not take.
    """
    if text := os.environ.get(setting.variable):
        value = setting.parse(text, source=setting.variable)
        return Origin(setting, value, "environment", setting.variable)
    if setting.key in from_file:
        place = f"{file.path}:{file.line_of(setting.key)}"
        return Origin(setting, from_file[setting.key], "file", place)
    return Origin(setting, setting.default, "default")


def settings_table(origins: list[Origin]) -> list[str]:
    """Return a line for each setting: key, value and source, in columns."""
    rows = [
        (origin.setting.key, shown(origin.value), origin.place or origin.source)
        for origin in origins
    ]
    keys, values = (max(len(row[column]) for row in rows) for column in (0, 1))
    return [f"{key:{keys}}  {value:{values}}  {source}" for key, value, source in rows]


def shown(value: Value | None) -> str:
    """Return a value as the file has it; a dash where the model decides."""
    if isinstance(value, bool):
        return str(value).lower()
    return "-" if value is None else str(value)


def defaults_of_command(command: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those defaults that a command and its own commands take, as Click wants them.

    An option takes them if it reads the environment variable of the setting as well: one that only
    has the name of a setting, as the ``--dtype`` of training, is asked for every time.

    Args:
        command: of Click.
        values: defaults by parameter.
    """
    variables = {setting.parameter: setting.variable for setting in SETTINGS}
    own = {
        option.name: values[option.name]
        for option in command.params
        if option.name in values and option.envvar == variables[option.name]
    }
    commands = getattr(command, "commands", {})
    return own | {name: defaults_of_command(each, values) for name, each in commands.items()}


def defaults_of_user(*, strict: bool) -> dict[str, Value | Callable[[], NoReturn]]:
    """Return the defaults of options, by parameter, that the configuration file names.

    Args:
        strict: whether a file that cannot be used is an error. It is one for an option that takes
            its value from there, and for nothing before: ``--help`` still works.
    """
    try:
        values = read_file().checked()
    except (ConfigError, MachineError) as error:  # the latter without a home folder
        if not strict:
            return {}
        failure: LinVTError = error

        def fail() -> NoReturn:
            raise failure

        return {setting.parameter: fail for setting in SETTINGS}
    return {find_setting(key).parameter: value for key, value in values.items()}
