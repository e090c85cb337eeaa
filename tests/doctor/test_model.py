from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from linvt_cli.doctor import model
from linvt_cli.doctor.findings import Circumstances
from linvt_cli.doctor.model import check_model, whole_weights
from linvt_cli.errors import BackboneLoadError, UnknownBackboneError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A snapshot with two files of weights and their index."""
    for number in (1, 2):
        save_file({f"w{number}": np.ones(100)}, tmp_path / f"part-{number}.safetensors")
    index = {"weight_map": {f"w{number}": f"part-{number}.safetensors" for number in (1, 2)}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    monkeypatch.setattr(model, "find_files", lambda *_: tmp_path)
    return tmp_path


def test_without_a_name_there_is_nothing_to_check():
    assert check_model(Circumstances()).status == "skipped"


def test_nano_is_always_here():
    assert check_model(Circumstances("nano")).message == "'nano' is inside linvt"


def test_an_unknown_model_is_a_failure():
    with pytest.raises(UnknownBackboneError):
        check_model(Circumstances("nanoo"))


def test_a_model_that_is_not_here_is_a_failure_that_says_how_to_fetch_it():
    with pytest.raises(BackboneLoadError, match="are not on this machine") as caught:
        check_model(Circumstances("qwen2-vl-2b"))
    assert caught.value.hint is not None


def test_whole_files_are_well(folder):
    finding = check_model(Circumstances("qwen2-vl-2b"))
    assert finding.facts["files"] == ["part-1.safetensors", "part-2.safetensors"]
    assert finding.message == "'qwen2-vl-2b' is here: 2 files with 0.0 GiB of weights"


def test_a_file_that_was_cut_off_is_named(folder):
    part = folder / "part-2.safetensors"
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(BackboneLoadError, match=r"part-2\.safetensors' is missing or damaged"):
        check_model(Circumstances("qwen2-vl-2b"))


def test_a_file_that_only_the_index_names_is_missed(folder):
    (folder / "part-1.safetensors").unlink()
    with pytest.raises(BackboneLoadError, match=r"part-1\.safetensors' is missing or damaged"):
        whole_weights(folder)


@pytest.mark.parametrize("text", ["", "[]", '{"weight_map": [1]}', '{"weight_map": {"a": 1}}'])
def test_an_index_that_is_none_is_named(folder, text):
    (folder / "model.safetensors.index.json").write_text(text, encoding="utf-8")
    with pytest.raises(BackboneLoadError, match=r"index\.json' is damaged"):
        whole_weights(folder)


def test_a_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(BackboneLoadError, match="There are no weights"):
        whole_weights(tmp_path)
