from __future__ import annotations

import os
import shutil
import tempfile
from collections import namedtuple
from pathlib import Path

import pytest
from huggingface_hub import constants

from linvt_cli.doctor.findings import Circumstances
from linvt_cli.doctor.folders import check_disk, check_folders, nearest_there
from linvt_cli.errors import MachineError

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Let all folders be below one, where they are not there yet."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("LINVT_HOME", str(tmp_path / "linvt"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_folders_that_can_be_created_are_well_and_are_not_created(folders):
    finding = check_folders(Circumstances())
    assert finding.status == "ok"
    assert finding.facts["folders"]["cache of models"] == str(folders / "hub")
    assert list(folders.iterdir()) == []


@pytest.mark.parametrize(
    ("variable", "purpose", "hint"),
    [
        ("LINVT_CONFIG", "folder of the configuration", "a file in a folder of your own"),
        ("LINVT_HOME", "folder of models", "a folder of your own"),
    ],
)
def test_a_folder_that_cannot_be_written_is_named_with_its_variable(
    folders, monkeypatch, variable, purpose, hint
):
    (folders / "file").touch()
    place = folders / "file" / "models"
    monkeypatch.setenv("LINVT_CONFIG", str(folders / "config.toml"))
    monkeypatch.setenv(
        variable, str(place / "a.toml" if variable == "LINVT_CONFIG" else folders / "file")
    )
    with pytest.raises(MachineError) as caught:
        check_folders(Circumstances())
    assert caught.value.message == f"The {purpose} '{place}' cannot be written: Not a directory"
    assert caught.value.hint == f"set {variable} to {hint}"


def test_models_of_other_tools_need_only_be_readable(folders, monkeypatch):
    (folders / "hub").mkdir()
    (folders / "hub").chmod(0o555)
    assert check_folders(Circumstances()).status == "ok"
    monkeypatch.setattr(os, "access", lambda folder, mode: False)
    with pytest.raises(MachineError, match="cannot be read") as caught:
        check_folders(Circumstances())
    assert "HF_HOME" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("free", "status"), [(100 * 2**30, "ok"), (5 * 2**30, "ok"), (4 * 2**30, "warning")]
)
def test_room_for_less_than_a_model_is_a_warning(folders, monkeypatch, free, status):
    def room(folder: Path) -> Usage:
        here = free if folder == folders / "data" else 2**39
        return Usage(2**40, 2**40 - here, here)

    monkeypatch.setenv("LINVT_HOME", str(folders / "data"))
    (folders / "data").mkdir(exist_ok=True)
    monkeypatch.setattr(shutil, "disk_usage", room)
    finding = check_disk(Circumstances())
    assert finding.status == status
    assert finding.hint == (
        None if status == "ok" else "make room, or set LINVT_HOME to a folder elsewhere"
    )


def test_a_full_disk_is_a_failure(folders, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**40, 2**40, 100 * 2**20))
    with pytest.raises(MachineError, match=r"The disk of the .* has 100 MiB left"):
        check_disk(Circumstances())


def test_a_full_disk_that_is_only_read_is_no_matter(folders, monkeypatch):
    def room(place: Path) -> Usage:
        free = 0 if place.is_relative_to(folders / "hub") else 2**39
        return Usage(2**40, 2**40 - free, free)

    (folders / "hub").mkdir()
    monkeypatch.setattr(shutil, "disk_usage", room)
    finding = check_disk(Circumstances())
    assert finding.status == "ok"
    assert 0.0 in finding.facts["free_gib"].values()


def test_a_folder_that_is_not_there_stands_for_the_one_in_which_it_would_be(tmp_path):
    assert nearest_there(tmp_path / "a" / "b") == tmp_path
    assert nearest_there(tmp_path) == tmp_path
    assert nearest_there(Path("/")) == Path("/")
