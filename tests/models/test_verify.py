from __future__ import annotations

import hashlib

import pytest

from linvt_cli.models.manifest import Manifest, ManifestFile
from linvt_cli.models.store import PulledModel
from linvt_cli.models.verify import Fault, verify

CONTENT = b"0123456789"


@pytest.fixture
def model(tmp_path):
    (tmp_path / "config.json").write_bytes(CONTENT)
    file = ManifestFile("config.json", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    manifest = Manifest("owner/name", "0" * 40, ("main",), "https://hub", "2026-01-01", (file,))
    return PulledModel(manifest, tmp_path, None)


def test_a_whole_model_has_no_faults_and_progress_counts_its_bytes(model):
    done: list[int] = []
    assert verify(model, done.append) == []
    assert sum(done) == len(CONTENT)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (CONTENT[:-1], "has 9 bytes instead of 10"),
        (CONTENT[::-1], "has other bytes than were pulled"),
        (None, "is missing"),
    ],
)
def test_every_fault_is_named(model, content, what):
    path = model.folder / "config.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert verify(model) == [Fault("config.json", what)]
