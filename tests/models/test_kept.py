from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from linvt_cli.models.checksum import Checksum
from linvt_cli.models.kept import (
    find_in_hub_cache,
    has_size,
    hub_cache,
    hub_cache_blob,
    hub_cache_folder,
    link_or_copy,
    wrong_files,
)
from linvt_cli.models.selection import RemoteFile

VARIABLES = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME")


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({}, "/home/me/.cache/huggingface/hub"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/huggingface/hub"),
        ({"HF_HOME": "~/hf", "XDG_CACHE_HOME": "/x"}, "/home/me/hf/hub"),
        ({"HUGGINGFACE_HUB_CACHE": "/old", "HF_HOME": "/hf"}, "/old"),
        ({"HF_HUB_CACHE": "$HOME/new", "HUGGINGFACE_HUB_CACHE": "/old"}, "/home/me/new"),
    ],
)
def test_the_cache_is_where_the_hub_library_has_it(monkeypatch, variables, place):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/me", **variables}.items():
        monkeypatch.setenv(name, value)
    assert hub_cache() == Path(place)


def test_files_there_are_named_by_their_checksums(monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", "/c")
    blob = hub_cache_blob("owner/name", Checksum("git", "0" * 40))
    assert blob == Path(f"/c/models--owner--name/blobs/{'0' * 40}")
    assert hub_cache_folder("owner/name") == Path("/c/models--owner--name")


def test_a_cache_that_may_not_be_read_has_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    file = RemoteFile("config.json", 2, Checksum("git", "0" * 40))
    blob = hub_cache_blob("owner/name", file.checksum)
    assert find_in_hub_cache("owner/name", file) is None
    blob.parent.mkdir(parents=True)
    blob.write_text("{}")
    assert find_in_hub_cache("owner/name", file) == blob
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert find_in_hub_cache("owner/name", file) is None

    def forbidden(*_: object) -> bool:
        raise PermissionError("Permission denied")

    monkeypatch.setattr(Path, "is_file", forbidden)
    assert find_in_hub_cache("owner/name", file) is None


def test_a_file_is_linked_where_that_works_and_else_copied(tmp_path, monkeypatch):
    found, new = tmp_path / "found", tmp_path / "new"
    found.write_text("a")
    link_or_copy(found, new)
    assert new.stat().st_ino == found.stat().st_ino

    def refuse(*_: object) -> None:
        raise OSError("another disk")

    monkeypatch.setattr(os, "link", refuse)
    link_or_copy(found, new)
    assert new.stat().st_ino != found.stat().st_ino
    assert new.read_text() == "a"


def test_a_file_is_there_only_with_its_size(tmp_path):
    path = tmp_path / "file"
    assert not has_size(path, 0)
    path.write_text("a")
    assert has_size(path, 1)
    assert not has_size(path, 2)
    assert not has_size(tmp_path, tmp_path.stat().st_size)


def test_files_that_are_not_those_of_the_listing_are_wrong_even_if_their_size_is_right(tmp_path):
    for name in ("a", "b", "known"):
        (tmp_path / name).write_bytes(b"x")
    right = Checksum("sha256", hashlib.sha256(b"x").hexdigest())
    other = Checksum("sha256", hashlib.sha256(b"y").hexdigest())
    listed = {"a": right, "b": other, "known": other, "not here": right}
    files = [RemoteFile(name, 1, checksum) for name, checksum in listed.items()]
    assert wrong_files(files, tmp_path, {"known": other.hex, "b": right.hex}) == {"b"}
