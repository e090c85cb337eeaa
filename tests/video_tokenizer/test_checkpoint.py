from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from linvt_cli.config import LinVTConfig
from linvt_cli.errors import CheckpointCorruptError, CheckpointError, CheckpointMismatchError
from linvt_cli.video_tokenizer.checkpoint import (
    load_checkpoint,
    read_checkpoint_info,
    save_checkpoint,
)
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer
from tests.video_tokenizer.conftest import MakeFeatures


@pytest.fixture
def folder(tmp_path: Path, linvt: LinearVideoTokenizer, config: LinVTConfig) -> Path:
    directory = tmp_path / "new" / "linvt"
    save_checkpoint(
        directory,
        linvt,
        config,
        backbone="nano",
        backbone_revision="abc123",
        training={"steps": 5, "loss": 0.25},
    )
    return directory


def load(
    directory: Path,
    *,
    backbone_name: str = "nano",
    embed_dim: int = 24,
    dtype: torch.dtype = torch.float32,
) -> LinearVideoTokenizer:
    return load_checkpoint(
        directory,
        backbone_name=backbone_name,
        embed_dim=embed_dim,
        device=torch.device("cpu"),
        dtype=dtype,
    )


def move_coordinates(linvt: LinearVideoTokenizer) -> dict[str, torch.Tensor]:
    """Move learnt places to where no half precision has a number, and return them."""
    found = {n: p for n, p in linvt.named_parameters() if n in linvt.coordinates}
    with torch.no_grad():
        for parameter in found.values():
            parameter.mul_(0.9876543)
    return {name: parameter.detach().clone() for name, parameter in found.items()}


def edit_config(directory: Path, **changes: object) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_what_was_saved_is_loaded_bit_for_bit(
    folder: Path, linvt: LinearVideoTokenizer, make_features: MakeFeatures, text_LD: torch.Tensor
) -> None:
    loaded = load(folder)

    saved = linvt.state_dict()
    assert loaded.state_dict().keys() == saved.keys()
    assert all(torch.equal(tensor, saved[name]) for name, tensor in loaded.state_dict().items())
    features = make_features()
    before = linvt.condense(linvt.refine(features), text_LD)
    after = loaded.condense(loaded.refine(features), text_LD)
    assert torch.equal(before.tokens, after.tokens)


def test_a_loaded_tokenizer_is_ready_for_inference(folder: Path) -> None:
    loaded = load(folder)

    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_half_precision_weights_load_in_the_dtype_asked_for(
    tmp_path: Path, linvt: LinearVideoTokenizer, config: LinVTConfig
) -> None:
    save_checkpoint(tmp_path, linvt.half(), config, backbone="nano", training={})

    assert load_file(tmp_path / "model.safetensors")["aggregator.queries"].dtype == torch.float16
    assert {p.dtype for p in load(tmp_path, dtype=torch.float32).parameters()} == {torch.float32}
    loaded = load(tmp_path, dtype=torch.bfloat16)
    others = {p.dtype for name, p in loaded.named_parameters() if name not in loaded.coordinates}
    assert others == {torch.bfloat16}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_learnt_places_in_time_are_not_rounded(
    tmp_path: Path, linvt: LinearVideoTokenizer, config: LinVTConfig, dtype: torch.dtype
) -> None:
    """They were, with all weights: at the finest frequency by up to 0.8 rad in bfloat16."""
    learnt = move_coordinates(linvt)
    save_checkpoint(tmp_path, linvt, config, backbone="nano", training={})

    loaded = load(tmp_path, dtype=dtype).state_dict()

    assert set(learnt) == {"aggregator.anchors", "aggregator.log_spreads"}
    for name, tensor in learnt.items():
        assert loaded[name].dtype == torch.float32
        assert torch.equal(loaded[name], tensor)


def test_places_stored_in_half_precision_are_taken_as_they_are(
    tmp_path: Path, linvt: LinearVideoTokenizer, config: LinVTConfig
) -> None:
    learnt = move_coordinates(linvt)
    save_checkpoint(tmp_path, linvt.half(), config, backbone="nano", training={})

    loaded = load(tmp_path, dtype=torch.bfloat16).state_dict()

    for name, tensor in learnt.items():
        assert torch.equal(loaded[name], tensor.half().float())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_tokenizer_in_half_precision_looks_where_it_does_in_float32(
    tmp_path: Path, config: LinVTConfig, make_features: MakeFeatures, dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    config = replace(config, num_kept=1200)
    linvt = LinearVideoTokenizer(config)
    move_coordinates(linvt)
    with torch.no_grad():
        linvt.aggregator.log_spreads.fill_(-5.0)  # less than a frame, so that a rounding shows
    save_checkpoint(tmp_path, linvt, config, backbone="nano", training={})
    halved = load(tmp_path, dtype=dtype)
    wide, narrow = make_features(100), make_features(100, dtype=dtype)

    exact = linvt.condense(linvt.refine(wide), torch.zeros(0, 24))
    found = halved.condense(halved.refine(narrow), torch.zeros(0, 24, dtype=dtype))

    assert found.tokens.dtype == dtype
    assert found.times == pytest.approx(exact.times, abs=0.002)  # seconds; rounded, 0.01 and more
    torch.testing.assert_close(found.tokens.float(), exact.tokens, atol=0.01, rtol=0.01)


def test_a_checkpoint_says_what_it_is(folder: Path, config: LinVTConfig) -> None:
    info = read_checkpoint_info(folder)

    assert info.config == config
    assert (info.backbone, info.backbone_revision) == ("nano", "abc123")
    assert info.training == {"steps": 5, "loss": 0.25}


def test_saving_leaves_nothing_but_the_two_files(
    folder: Path, linvt: LinearVideoTokenizer, config: LinVTConfig
) -> None:
    save_checkpoint(folder, linvt, config, backbone="nano", training={})

    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]


def test_a_failed_save_leaves_the_old_files(
    folder: Path, linvt: LinearVideoTokenizer, config: LinVTConfig
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    other = copy.deepcopy(linvt)
    with torch.no_grad():
        next(other.parameters()).add_(1)

    with pytest.raises(TypeError):
        save_checkpoint(folder, other, config, backbone="nano", training={"loss": object()})

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_another_backbone_is_refused(folder: Path) -> None:
    with pytest.raises(CheckpointMismatchError, match="backbone 'nano', not 'mipha'") as caught:
        load(folder, backbone_name="mipha")

    assert (caught.value.expected, caught.value.found) == ("mipha", "nano")
    assert caught.value.hint == "use --model nano, or another checkpoint"


def test_another_width_is_refused(folder: Path) -> None:
    with pytest.raises(CheckpointMismatchError, match="width 24, but 'nano' has 32") as caught:
        load(folder, embed_dim=32)

    assert (caught.value.expected, caught.value.found) == (32, 24)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"There is no checkpoint folder '.*absent'"):
        load(tmp_path / "absent")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()

    with pytest.raises(CheckpointCorruptError, match=f"There is no '.*{name}'"):
        load(folder)


@pytest.mark.parametrize("text", [b"{", b"\xff\xfe", b"", b"[" * 100_000])
def test_bad_json_is_refused(folder: Path, text: bytes) -> None:
    (folder / "config.json").write_bytes(text)

    with pytest.raises(CheckpointCorruptError, match="cannot be read as JSON"):
        load(folder)


def test_json_that_is_no_object_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text("[]")

    with pytest.raises(CheckpointCorruptError, match="does not hold a JSON object"):
        load(folder)


@pytest.mark.parametrize(
    "linvt_fields",
    [None, {}, {"embed_dim": "24"}, {"embed_dim": 24, "x": 1}, {"embed_dim": 24, "num_heads": 0}],
)
def test_a_config_that_is_no_linvt_is_refused(folder: Path, linvt_fields: object) -> None:
    edit_config(folder, linvt=linvt_fields)

    with pytest.raises(CheckpointCorruptError, match="does not describe a LinVT"):
        load(folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_kept", float("nan")),
        ("num_kept", 2.5),
        ("num_queries", [10**9, 2]),
        ("num_queries", [float("nan"), 2]),
        ("scales", [1.5, 2]),
        ("num_refiner_layers", 10**7),
        ("num_refiner_layers", None),
        ("num_aggregator_layers", "2"),
        ("text_conditioned", "no"),
    ],
)
def test_numbers_that_only_harm_are_refused_before_anything_is_built(
    folder: Path, name: str, value: object
) -> None:
    shape = json.loads((folder / "config.json").read_text())["linvt"]
    edit_config(folder, linvt={**shape, name: value})

    with pytest.raises(CheckpointCorruptError, match=f"does not describe a LinVT: '{name}' must"):
        load(folder)


@pytest.mark.parametrize("version", [2, None, "1"])
def test_another_format_is_refused(folder: Path, version: object) -> None:
    edit_config(folder, format_version=version)

    with pytest.raises(CheckpointError, match=r"has format .*, expected 1") as caught:
        load(folder)

    assert caught.value.hint is not None


def test_a_truncated_weights_file_is_refused(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(CheckpointCorruptError, match="cannot be read as safetensors"):
        load(folder)


def test_tensors_that_do_not_fit_are_named(folder: Path) -> None:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    del tensors["refiner.score_proj.bias"]
    tensors["stray"] = torch.zeros(1)
    tensors["aggregator.queries"] = torch.zeros(3, 16)
    tensors["aggregator.anchors"] = torch.zeros(10, dtype=torch.int8)
    save_file(tensors, path)

    with pytest.raises(CheckpointCorruptError) as caught:
        load(folder)

    message = caught.value.message
    assert "lacks refiner.score_proj.bias" in message
    assert "has unknown stray" in message
    assert "has wrongly shaped aggregator.queries (3, 16) for (10, 16)" in message
    assert "has whole numbers in aggregator.anchors" in message


def test_a_long_list_of_faults_is_cut(folder: Path) -> None:
    save_file({"stray": torch.zeros(1)}, folder / "model.safetensors")

    with pytest.raises(CheckpointCorruptError, match=r"and \d+ more"):
        load(folder)
