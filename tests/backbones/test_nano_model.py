from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from linvt_cli.backbones.nano_model import load_nano, normalize, save_nano, squeeze
from linvt_cli.errors import BackboneLoadError
from tests.tiny_models import tiny_nano


def test_preprocessing_squeezes_the_whole_picture_into_a_square() -> None:
    pixels = torch.zeros(1, 100, 200, 3, dtype=torch.uint8)
    pixels[:, :, 100:] = 255
    squeezed = normalize(squeeze(pixels, 64))
    assert squeezed.shape == (1, 3, 64, 64)
    assert squeezed[..., :30].max() < -0.95
    assert squeezed[..., 34:].min() > 0.95


def test_saved_weights_load_bit_for_bit(tmp_path: Path) -> None:
    nano = tiny_nano()
    save_nano(tmp_path, nano.model, nano.tokenizer, torch.float32)
    model, tokenizer = load_nano(tmp_path)
    expected = nano.model.state_dict()
    assert set(model.state_dict()) == set(expected)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, expected[name]), name
    assert tokenizer.to_str() == nano.tokenizer.to_str()


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_or_damaged_file_is_an_error_with_a_hint(tmp_path: Path, name: str) -> None:
    nano = tiny_nano()
    save_nano(tmp_path, nano.model, nano.tokenizer, torch.float32)
    (tmp_path / name).write_bytes(b"no such thing")
    with pytest.raises(BackboneLoadError, match="cannot be loaded") as caught:
        load_nano(tmp_path)
    assert caught.value.hint
    (tmp_path / name).unlink()
    with pytest.raises(BackboneLoadError, match="cannot be loaded"):
        load_nano(tmp_path)


def test_missing_and_unknown_tensors_are_named(tmp_path: Path) -> None:
    nano = tiny_nano()
    save_nano(tmp_path, nano.model, nano.tokenizer, torch.float32)
    state = load_file(tmp_path / "model.safetensors")
    state["surplus"] = state.pop("positions")
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(BackboneLoadError, match=r"lack \['positions'\].*\['surplus'\]"):
        load_nano(tmp_path)


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    nano = tiny_nano()
    save_nano(tmp_path, nano.model, nano.tokenizer, torch.float32)
    config = json.loads((tmp_path / "config.json").read_text())
    config["embed_dim"] = 48
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(BackboneLoadError, match="other shapes"):
        load_nano(tmp_path)


def test_padding_is_not_seen() -> None:
    model = tiny_nano().model
    tokens = torch.randn(2, 5, model.config.embed_dim)
    mask = torch.tensor([[True] * 3 + [False] * 2, [True] * 5])
    with torch.no_grad():
        alone, padded = model.relate(tokens[:1, :3]), model.relate(tokens, mask)
        whole = model.relate(tokens[1:])
    torch.testing.assert_close(padded[:1, :3], alone, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(padded[1:], whole, atol=1e-5, rtol=1e-5)
