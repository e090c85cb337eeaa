from __future__ import annotations

import json

import pytest

from linvt_cli.errors import DamagedFilesError
from linvt_cli.models.manifest import Manifest, ManifestFile, read_manifest, write_manifest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MANIFEST = Manifest(
    repo="owner/name",
    commit=COMMIT,
    revisions=("main",),
    endpoint="https://hub",
    pulled="2026-11-23T04:00:00+00:00",
    files=(ManifestFile("config.json", 2, "0" * 64), ManifestFile("a/b.json", 3, "1" * 64)),
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / f"{COMMIT}.json"


def test_what_is_written_is_read(path):
    write_manifest(path, MANIFEST)
    assert read_manifest(path) == MANIFEST
    assert MANIFEST.size == 5
    assert [other.name for other in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format_version", 2),
        ("repo", "../x"),
        ("commit", "main"),
        ("revisions", ["../x"]),
        ("files", [{"path": "../x", "size": 1, "sha256": "0" * 64}]),
        ("files", [{"path": "x", "size": -1, "sha256": "0" * 64}]),
        ("files", [{"path": "x", "size": 1, "sha256": "0"}]),
        ("files", [{"path": "x"}]),
        ("files", None),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(path, key, value):
    write_manifest(path, MANIFEST)
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(DamagedFilesError) as caught:
        read_manifest(path)
    assert str(path) in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("text", ["", "[]", "[" * 100_000, "\xff"])
def test_a_file_that_is_no_manifest_is_refused(path, text):
    path.write_text(text)
    with pytest.raises(DamagedFilesError, match="is no manifest"):
        read_manifest(path)


@pytest.mark.parametrize(
    ("revisions", "name"),
    [
        (("main",), "hub:owner/name"),
        ((COMMIT, "v1"), "hub:owner/name@v1"),
        ((COMMIT,), f"hub:owner/name@{COMMIT}"),
        ((), f"hub:owner/name@{COMMIT}"),
    ],
)
def test_a_model_is_called_by_its_branch_or_else_by_its_commit(revisions, name):
    manifest = Manifest("owner/name", COMMIT, revisions, "", "", ())
    assert str(manifest.source) == name
