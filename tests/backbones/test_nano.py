from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from linvt_cli.backbones.nano import load_nano, preprocess, save_nano
from linvt_cli.errors import BackboneLoadError
from linvt_cli.types import Frames, VideoInfo
from tests.tiny_models import tiny_nano


def frames_of(pixels: np.ndarray) -> Frames:
    num_frames, height, width, _ = pixels.shape
    info = VideoInfo(Path("x.mp4"), width, height, float(num_frames), num_frames, "h264", "opencv")
    return Frames(pixels, tuple(map(float, range(num_frames))), info, coverage=1.0)


def random_frames(num_frames: int) -> Frames:
    rng = np.random.default_rng(0)
    return frames_of(rng.integers(0, 256, (num_frames, 48, 80, 3), dtype=np.uint8))


def test_every_frame_is_encoded_alone() -> None:
    nano = tiny_nano()
    frames = random_frames(19)
    with torch.no_grad():
        together = nano.encode_frames(frames)
        alone = nano.encode_frames(frames_of(frames.pixels[17:18]))
    assert together.tokens.shape == (19, 4, 24)
    assert together.grid == (2, 2)
    torch.testing.assert_close(together.tokens[17:18], alone.tokens, atol=1e-5, rtol=1e-4)


def test_preprocessing_squeezes_the_whole_picture_into_a_square() -> None:
    pixels = torch.zeros(1, 100, 200, 3, dtype=torch.uint8)
    pixels[:, :, 100:] = 255
    squeezed = preprocess(pixels, 64)
    assert squeezed.shape == (1, 3, 64, 64)
    assert squeezed[..., :30].max() < -0.95
    assert squeezed[..., 34:].min() > 0.95


def test_case_and_spacing_of_a_question_make_no_difference() -> None:
    nano = tiny_nano()
    assert nano.encode_question("What  Moves?\n") == nano.encode_question("what moves?")


def test_an_answer_survives_the_text_tokenizer() -> None:
    nano = tiny_nano()
    for answer in ("The dog enters from the left.", "Zwölf 🐶"):
        assert nano.detokenize(nano.encode_answer(answer)) == answer


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
