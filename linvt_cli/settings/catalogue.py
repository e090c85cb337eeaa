"""The user's own catalogue: names for models that linvt does not list, in ``models.toml``.

[lectures]
from = "hub:me/qwen2-vl-lectures@v2"
checkpoint = "hub:me/linvt-lectures"
summary = "Knows our lecture hall"
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from linvt_cli.errors import ConfigError
from linvt_cli.settings.file import config_file
from linvt_cli.settings.folders import expanded

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_KEYS = {"from", "checkpoint", "summary"}
_HUB = "hub:"
SUMMARY = "A model of your own"


@dataclass(frozen=True, slots=True)
class OwnModel:
    """One entry of the user's catalogue."""

    name: str
    source: str  # a folder, hub:owner/name[@revision], or a name that linvt lists
    checkpoint: str | None = None  # of a trained LinVT: a folder or hub:owner/name[@revision]
    summary: str = SUMMARY


def catalogue_file() -> Path:
    """Return where the user's catalogue is, or would be: beside the configuration file."""
    return config_file().with_name("models.toml")


def own_models() -> dict[str, OwnModel]:
    """Return the models of the user's catalogue by name; none where there is no such file.

    Raises:
        ConfigError: if the file cannot be read, or an entry is wrong.
    """
    path = catalogue_file()
    try:
        facts = path.stat()
        return _read(path, facts.st_mtime_ns, facts.st_size)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unreadable(path, error) from error


@lru_cache(maxsize=1)
def _read(path: Path, changed: int, size: int) -> dict[str, OwnModel]:
    """Read the catalogue once for as long as it is not changed: a command asks for many names."""
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _unreadable(path, error) from error
    return {name: _entry(path, name, about) for name, about in entries.items()}


def _unreadable(path: Path, error: Exception) -> ConfigError:
    return ConfigError(
        f"The catalogue '{path}' cannot be read: {error}",
        field="model",
        hint="mend it with a text editor, or move it away",
    )


def find_own(name: str | None) -> OwnModel | None:
    """Return the entry of a name, if the user's catalogue has it.

    Raises:
        ConfigError: if the catalogue cannot be used.
    """
    return None if name is None else own_models().get(name)


def what_stands_for(name: str) -> str:
    """Return what the user's catalogue says for a name, or the name itself.

    Raises:
        ConfigError: if the catalogue cannot be used.
    """
    own = find_own(name)
    return name if own is None else own.source


def _entry(path: Path, name: str, about: Any) -> OwnModel:
    def wrong(what: str) -> ConfigError:
        return ConfigError(
            f"Entry '{name}' of '{path}' {what}",
            field="model",
            hint='an entry looks like this: [name], and below it: from = "hub:owner/name"',
        )

    if not _NAME.fullmatch(name):
        raise wrong("has a name with other signs than a-z, 0-9, '.', '_' and '-'")
    if not isinstance(about, dict) or not isinstance(about.get("from"), str) or not about["from"]:
        raise wrong("does not say from where the model is")
    if unknown := sorted(set(about) - _KEYS):
        raise wrong(f"has an unknown key '{unknown[0]}'. Expected {', '.join(sorted(_KEYS))}")
    if not all(isinstance(value, str) for value in about.values()):
        raise wrong("has a value that is no text")
    checkpoint = about.get("checkpoint")
    return OwnModel(
        name,
        _placed(path, about["from"]),
        None if checkpoint is None else _placed(path, checkpoint, folder=True),
        about.get("summary", SUMMARY),
    )


def _placed(path: Path, named: str, *, folder: bool = False) -> str:
    """Read a folder as beside the catalogue; leave other names as they are."""
    if named.startswith(_HUB) or not (folder or "/" in named or named[:1] in ".~"):
        return named
    return str(path.parent / expanded(named))
