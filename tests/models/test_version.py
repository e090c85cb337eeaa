from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from linvt_cli.models.version import _pieces_of_weights, version_of


@pytest.fixture
def folder(tmp_path) -> Path:
    folder = Path(tmp_path / "model")
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "README.md").write_text("words")
    write_weights(folder, 1.0)
    return folder


def write_weights(folder: Path, value: float) -> None:
    weights = {"large": np.zeros((512, 512), np.float32), "small": np.full(3, value, np.float32)}
    save_file(weights, folder / "model.safetensors")


def test_the_same_files_elsewhere_have_the_same_version(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy, copy_function=shutil.copyfile)
    (copy / "README.md").write_text("other words")
    assert version_of(copy) == version_of(folder)


def test_each_tensor_and_each_setting_counts(folder):
    versions = {version_of(folder)}
    write_weights(folder, 2.0)
    versions.add(version_of(folder))
    (folder / "config.json").write_text('{"a": 1}')
    versions.add(version_of(folder))
    for name in ("tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt", "vocab.txt"):
        (folder / name).write_text("{}")
        versions.add(version_of(folder))
    assert len(versions) == 8


def test_large_weights_are_not_read_as_a_whole(tmp_path):
    size = 1 << 33
    about = {"a": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
    header = json.dumps(about).encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    os.truncate(path, 8 + len(header) + size)  # the rest is a hole
    with path.open("rb", buffering=0) as file:
        read = sum(map(len, _pieces_of_weights(file)))
    assert len(header) < read < 1000


def test_pulled_files_have_their_commit_for_a_version(tmp_path):
    commit = "0123456789" * 4
    (tmp_path / commit).mkdir()
    assert version_of(tmp_path / commit) == commit


@pytest.mark.parametrize("content", [b"", b"\xff" * 20, b"\x02" + bytes(7) + b"[]", b"pointer"])
def test_damaged_weights_have_a_version_too(folder, content):
    (folder / "model.safetensors").write_bytes(content)
    assert len(version_of(folder)) == 16


def test_a_folder_that_is_not_there_is_no_trouble(tmp_path):
    assert len(version_of(tmp_path / "none")) == 16
