"""The configuration file: where it is, what it holds, and changing one setting in it."""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from errno import EINVAL
from pathlib import Path
from typing import Any

from linvt_cli.errors import ConfigError
from linvt_cli.settings.folders import expanded, user_folder
from linvt_cli.settings.table import SETTINGS, Value, nearest


def config_file() -> Path:
    """Return where the configuration file is, or would be.

    That is ``LINVT_CONFIG``, else ``config.toml`` in ``LINVT_HOME``, else the same in the folder
    that the system has for a user's configuration.
    """
    if named := os.environ.get("LINVT_CONFIG"):
        return expanded(named)
    return user_folder("config") / "config.toml"


@dataclass(frozen=True, slots=True)
class FileSettings:
    """What a configuration file holds, as it was read."""

    path: Path
    text: str
    values: Mapping[str, Any]

    def line_of(self, key: str) -> int:
        """Return the line, from 1, on which the statement that sets a key ends."""
        lines = self.text.splitlines(keepends=True)
        for number in range(1, len(lines)):
            try:
                if key in tomllib.loads("".join(lines[:number])):
                    return number
            except tomllib.TOMLDecodeError:  # cut off within a statement
                continue
        return len(lines)

    def checked(self) -> dict[str, Value]:
        """Return the values by key.

        Raises:
            ConfigError: if a key is unknown or a value is of the wrong type or out of range.
        """
        known = {setting.key: setting for setting in SETTINGS}
        for key, value in self.values.items():
            if key not in known:
                raise ConfigError(
                    f"There is no setting '{key}': '{self.path}', line {self.line_of(key)}",
                    field=key,
                    hint=f"{nearest(key)} To remove it: linvt config unset {key}",
                )
            if not known[key].accepts(value):
                raise ConfigError(
                    f"Setting '{key}' is {_as_written(value)}: '{self.path}',"
                    f" line {self.line_of(key)}. Expected {known[key].expected}",
                    field=key,
                    hint=f"linvt config set {key} VALUE, or linvt config unset {key}",
                )
        return dict(self.values)


def read_file(path: Path | None = None) -> FileSettings:
    """Read a configuration file; one that is not there holds nothing.

    Args:
        path: where left out, the user's.

    Raises:
        ConfigError: if it cannot be read, is no TOML, or ``LINVT_CONFIG`` names a file that is not
            there.
    """
    place = config_file() if path is None else path
    try:
        text = place.read_text(encoding="utf-8")
        return FileSettings(place, text, tomllib.loads(text))
    except FileNotFoundError as error:
        if path is None and os.environ.get("LINVT_CONFIG"):
            raise ConfigError(
                f"LINVT_CONFIG names '{place}', which is not there",
                field="LINVT_CONFIG",
                hint="linvt config set KEY VALUE creates it; or unset LINVT_CONFIG",
            ) from error
        return FileSettings(place, "", {})
    except OSError as error:
        raise ConfigError(
            f"The configuration '{place}' cannot be read: {error.strerror}",
            field="config",
            hint="check its permissions; linvt config path names the file in use",
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"The configuration '{place}' is no UTF-8 text",
            field="config",
            hint="save it as UTF-8, or move it away and begin anew",
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"The configuration '{place}' is no TOML: {error}",
            field="config",
            hint='a line looks like this: model = "qwen2-vl-2b"; mend it with a text editor',
        ) from error


def write_setting(key: str, value: Value | None) -> Path:
    """Set a key in the user's configuration file, or remove it; comments and order stay.

    The file is replaced as a whole, so an interruption leaves the old one.

    Args:
        key: of a setting; a key to remove may be any that stands in the file.
        value: None removes the key.

    Returns:
        The file.

    Raises:
        ConfigError: if the file is no TOML, or cannot be read or written.
    """
    import tomlkit

    current = read_file(config_file())
    document = tomlkit.parse(current.text)
    if value is not None:
        document[key] = value
    elif key in document:
        del document[key]
    try:
        _replace(current.path, tomlkit.dumps(document))
    except OSError as error:
        raise ConfigError(
            f"The configuration '{current.path}' cannot be written: {error.strerror}",
            field="config",
            hint="LINVT_CONFIG names another place",
        ) from error
    return current.path


def _replace(path: Path, text: str) -> None:
    target = path.resolve()  # a link, as managers of configurations set it, stays one
    if target.exists() and not target.is_file():
        raise OSError(EINVAL, "it is no regular file")
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        fresh.write_text(text, encoding="utf-8")
        if target.exists():
            shutil.copymode(target, fresh)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


def _as_written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}'" if isinstance(value, str) else str(value)
