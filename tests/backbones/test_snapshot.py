from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from linvt_cli.backbones.snapshot import (
    read_config,
    require_type,
    require_weights,
    shortened,
    weight_shapes,
)
from linvt_cli.errors import BackboneLoadError
from tests.tiny_checkpoints import write_weights

WEIGHTS = {"a": torch.zeros(2, 3), "b": torch.zeros(4)}


@pytest.mark.parametrize("text", [None, "", "{", "[1]"])
def test_a_config_that_is_none_is_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(BackboneLoadError, match=r"config\.json"):
        read_config(tmp_path)


def test_a_config_is_read_as_it_stands_and_runs_nothing(tmp_path):
    raw = {"model_type": "strange", "auto_map": {"AutoModel": "evil.Model"}, "answer": 42}
    (tmp_path / "config.json").write_text(json.dumps(raw))
    assert read_config(tmp_path) == raw


def test_a_known_type_is_returned():
    assert require_type(Path("here"), {"model_type": "b"}, ("a", "b")) == "b"


def test_another_type_is_answered_with_the_expected_ones_and_the_list_of_models():
    with pytest.raises(
        BackboneLoadError, match=r"'here' holds a model of type 'bert'\. Expected a or b$"
    ) as caught:
        require_type(Path("here"), {"model_type": "bert"}, ("a", "b"))
    assert caught.value.hint == "name the model that these files belong to: linvt models list"


def test_a_type_that_needs_code_of_its_repository_is_refused_with_the_reason():
    raw = {"model_type": "ovis", "auto_map": {"AutoModel": "modeling_ovis.Ovis"}}
    with pytest.raises(BackboneLoadError, match="linvt runs no code of a checkpoint") as caught:
        require_type(Path("here"), raw, ("a",))
    assert caught.value.hint == "linvt models list names the models that need none"


def test_complete_weights_are_accepted_with_and_without_an_index(tmp_path):
    write_weights(tmp_path, WEIGHTS)
    require_weights(tmp_path)
    (tmp_path / "model.safetensors.index.json").unlink()
    require_weights(tmp_path)


def test_a_shard_that_the_index_names_and_the_folder_lacks_is_named(tmp_path):
    write_weights(tmp_path, WEIGHTS)
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    expected = r"lacks 1 of 2 files of weights: model-00002-of-00002\.safetensors$"
    with pytest.raises(BackboneLoadError, match=expected) as caught:
        require_weights(tmp_path)
    assert caught.value.hint is not None
    assert "complete copy" in caught.value.hint


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_an_index_that_is_none_is_refused(tmp_path, text):
    write_weights(tmp_path, WEIGHTS)
    (tmp_path / "model.safetensors.index.json").write_text(text)
    with pytest.raises(BackboneLoadError, match=r"index\.json"):
        require_weights(tmp_path)


@pytest.mark.parametrize(
    "named", ["../model.safetensors", "/model.safetensors", "part/model.safetensors"]
)
def test_an_index_that_leads_elsewhere_is_refused(tmp_path, named):
    folder = tmp_path / "model"
    (folder / "part").mkdir(parents=True)
    for place in (tmp_path, folder, folder / "part"):
        write_weights(place, WEIGHTS)
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": named}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(BackboneLoadError, match=r"names files elsewhere: ") as caught:
        require_weights(folder)
    assert named in caught.value.message


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_a_config_with_numbers_that_are_none_is_refused_with_the_reason(tmp_path, word):
    (tmp_path / "config.json").write_text(f'{{"hidden_size": {word}}}')
    with pytest.raises(BackboneLoadError, match=f"config.json in '.*' has the value {word}$"):
        read_config(tmp_path)


def test_a_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(BackboneLoadError, match=r"has no \.safetensors weights$"):
        require_weights(tmp_path)


def test_pickled_weights_are_never_read(tmp_path):
    torch.save(WEIGHTS, tmp_path / "pytorch_model.bin")
    with pytest.raises(BackboneLoadError, match=r"pytorch_model\.bin is never read"):
        require_weights(tmp_path)


def test_a_pointer_of_git_lfs_is_no_file_of_weights(tmp_path):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    (tmp_path / "model.safetensors").write_text(pointer)
    with pytest.raises(BackboneLoadError, match="pointers of Git LFS") as caught:
        require_weights(tmp_path)
    assert caught.value.hint == "fetch the files themselves with: git lfs pull"


def test_shapes_are_read_from_all_files(tmp_path):
    write_weights(tmp_path, WEIGHTS)
    assert weight_shapes(tmp_path) == {"a": (2, 3), "b": (4,)}


def test_shapes_of_a_damaged_file_are_refused(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"\x08")
    with pytest.raises(BackboneLoadError, match="damaged"):
        weight_shapes(tmp_path)


def test_a_message_names_a_few_of_many():
    assert shortened(["b", "a"]) == "a, b"
    assert shortened(list("edcba")) == "a, b, c and 2 more"
