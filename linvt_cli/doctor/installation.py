"""Checks of what is installed, and of the user's configuration."""

from __future__ import annotations

import os
import platform
from importlib import metadata

from packaging.requirements import Requirement

from linvt_cli import __version__
from linvt_cli.doctor.findings import Circumstances, Finding
from linvt_cli.errors import MachineError
from linvt_cli.settings.catalogue import own_models
from linvt_cli.settings.file import read_file
from linvt_cli.settings.table import SETTINGS

LIBRARIES = (
    "typer",
    "rich",
    "torch",
    "transformers",
    "accelerate",
    "bitsandbytes",
    "huggingface-hub",
    "httpx2",
    "filelock",
    "sentencepiece",
    "tokenizers",
    "safetensors",
    "numpy",
    "pillow",
    "opencv-python-headless",
    "av",
    "scenedetect-headless",
    "llguidance",
    "jsonschema",
    "ijson",
    "packaging",
    "platformdirs",
    "prompt-toolkit",
    "tomlkit",
)


def check_installation(_: Circumstances) -> Finding:
    """Look for every library and compare its version with what linvt asks for.

    Raises:
        MachineError: if one is missing, or of a version that linvt does not work with.
    """
    versions = {name: _version(name) for name in LIBRARIES}
    if missing := [name for name, version in versions.items() if version is None]:
        raise MachineError(
            f"Not installed: {', '.join(missing)}",
            hint=f"pip install -c constraints.txt {' '.join(missing)}",
        )
    unfit = [
        requirement
        for requirement in _requirements()
        if not requirement.specifier.contains(_version(requirement.name) or "0", prereleases=True)
    ]
    if unfit:
        found = ", ".join(f"{each.name} {_version(each.name)}" for each in unfit)
        raise MachineError(
            f"linvt does not work with {found}",
            hint="pip install " + " ".join(f"'{requirement}'" for requirement in unfit),
        )
    system = f"{platform.system()} {platform.machine()}"
    return Finding(
        f"linvt {__version__}, Python {platform.python_version()}, {system},"
        f" {len(versions)} libraries",
        facts={
            "linvt": __version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "libraries": versions,
        },
    )


def check_configuration(_: Circumstances) -> Finding:
    """Read the configuration, the user's catalogue and the environment as every command does.

    Raises:
        ConfigError: if one of them makes no sense.
    """
    file = read_file()
    values = file.checked()
    variables = [setting for setting in SETTINGS if os.environ.get(setting.variable)]
    for setting in variables:
        setting.parse(os.environ[setting.variable], source=setting.variable)
    own_models()
    names = [setting.variable for setting in variables]
    return Finding(
        f"{_settings(len(values))} in {file.path}"
        + (f", and {', '.join(names)} in the environment" if names else ""),
        facts={"file": str(file.path), "settings": values, "variables": names},
    )


def _settings(number: int) -> str:
    return "1 setting" if number == 1 else f"{number or 'no'} settings"


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _requirements() -> list[Requirement]:
    """Return what the installed linvt asks for; nothing where it runs from its source."""
    try:
        lines = metadata.requires("linvt") or []
    except metadata.PackageNotFoundError:
        return []
    asked = [Requirement(line) for line in lines]
    return [each for each in asked if each.marker is None or each.marker.evaluate({"extra": ""})]
