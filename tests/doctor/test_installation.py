from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from linvt_cli.doctor.findings import Circumstances
from linvt_cli.doctor.installation import (
    LIBRARIES,
    check_configuration,
    check_installation,
)
from linvt_cli.errors import ConfigError, MachineError
from linvt_cli.settings.catalogue import catalogue_file

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def test_the_libraries_are_those_that_linvt_asks_for():
    asked = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"]
    assert {Requirement(line).name for line in asked} == set(LIBRARIES)


def test_here_everything_is_installed():
    finding = check_installation(Circumstances())
    assert finding.facts["libraries"]["torch"] == metadata.version("torch")
    assert finding.message.endswith(f"{len(LIBRARIES)} libraries")


def test_a_missing_library_is_named(monkeypatch):
    version = metadata.version

    def without_av(name: str) -> str:
        if name in ("av", "rich"):
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", without_av)
    with pytest.raises(MachineError, match="Not installed: rich, av") as caught:
        check_installation(Circumstances())
    assert caught.value.hint == "pip install -c constraints.txt rich av"


def test_a_library_of_a_wrong_version_is_named_with_the_right_one(monkeypatch):
    asked = ["numpy>=2.0", "opencv-python-headless<4,>=3", 'matplotlib<1; extra == "train"']
    monkeypatch.setattr(metadata, "requires", lambda _: asked)
    with pytest.raises(MachineError, match=r"not work with opencv-python-headless 4\.") as caught:
        check_installation(Circumstances())
    assert caught.value.hint == "pip install 'opencv-python-headless<4,>=3'"


@pytest.fixture
def file(tmp_path, monkeypatch):
    """The user's configuration file, which is not there yet."""
    monkeypatch.setenv("LINVT_HOME", str(tmp_path))
    return tmp_path / "config.toml"


def test_no_configuration_is_well(file):
    assert check_configuration(Circumstances()).message == f"no settings in {file}"


def test_a_configuration_is_told_with_the_environment(file, monkeypatch):
    file.write_text("frames = 8\n", encoding="utf-8")
    monkeypatch.setenv("LINVT_QUANT", "nf4")
    finding = check_configuration(Circumstances())
    assert finding.message == f"1 setting in {file}, and LINVT_QUANT in the environment"
    assert finding.facts["settings"] == {"frames": 8}


def test_a_broken_configuration_is_a_failure(file, monkeypatch):
    file.write_text("modle = 8\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="There is no setting 'modle'"):
        check_configuration(Circumstances())
    file.unlink()
    catalogue_file().write_text("[mine]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="Entry 'mine'"):
        check_configuration(Circumstances())
    catalogue_file().unlink()
    monkeypatch.setenv("LINVT_QUANT", "nf5")
    with pytest.raises(ConfigError, match="LINVT_QUANT is 'nf5'"):
        check_configuration(Circumstances())
