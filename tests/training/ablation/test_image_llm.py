from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from linvt_cli.backbones.nano import Nano
from linvt_cli.backbones.nano_model import save_nano
from linvt_cli.backbones.registry import find_backbone
from linvt_cli.errors import BackboneLoadError, ConfigError
from linvt_cli.training import trainer
from linvt_cli.training.ablation.image_llm import load_image_llm, require_same_vision
from linvt_cli.training.readers import Readers
from linvt_cli.training.recipe import NanoRecipe
from linvt_cli.training.state import write_state
from linvt_cli.training.untrained import new_nano
from linvt_cli.training.vision_stage import FIRST_TRAINED_BLOCK
from tests.tiny_models import tiny_nano

CPU = torch.device("cpu")


class Finished:
    """A stage as far as its checkpoint goes."""

    learning_rate = 0.0
    num_steps = 1

    def __init__(self, name: str, modules: Sequence[tuple[str, nn.Module]]) -> None:
        self.name = name
        self.modules = modules

    def trained_modules(self) -> Sequence[tuple[str, nn.Module]]:
        return self.modules

    def loss(self, step: int) -> torch.Tensor:
        raise NotImplementedError

    def validate(self) -> dict[str, float]:
        raise NotImplementedError


@pytest.fixture
def run_folder(tmp_path: Path) -> tuple[Path, Nano, Readers]:
    """A run folder of the nano recipe after its image stage, and what it holds."""
    shipped = find_backbone("nano").weights
    assert shipped is not None
    shutil.copy(shipped / "tokenizer.json", tmp_path)
    recipe = NanoRecipe()
    torch.manual_seed(0)
    nano = new_nano(
        tmp_path / "tokenizer.json",
        vocab_size=recipe.vocab_size,
        embed_dim=recipe.embed_dim,
        device=CPU,
    )
    readers = Readers(recipe.embed_dim)
    vision = nano.model.vision.requires_grad_(False)
    vision.blocks[FIRST_TRAINED_BLOCK:].requires_grad_(True)
    with torch.no_grad():
        for parameter in vision.blocks[FIRST_TRAINED_BLOCK:].parameters():
            parameter.mul_(1.1)
    save(Finished("vision", [("vision", vision)]), tmp_path)
    vision.requires_grad_(False)
    save(Finished("image", [("nano", nano.model), *readers.named_children()]), tmp_path)
    (tmp_path / "image.done").touch()
    return tmp_path, nano, readers


def save(stage: Finished, folder: Path) -> None:
    optimizer = torch.optim.AdamW([nn.Parameter(torch.zeros(1))])
    file = folder / f"{stage.name}.safetensors"
    write_state(file, trainer._parameters(stage), [optimizer], step=1)


def test_the_image_stage_of_a_run_is_loaded_with_its_vision_encoder_and_its_readers(
    run_folder: tuple[Path, Nano, Readers],
) -> None:
    folder, nano, readers = run_folder
    loaded = load_image_llm(folder, CPU)
    assert loaded.origin == "image stage"
    assert not loaded.has_statistics
    expected = nano.model.state_dict()
    assert all(t.equal(expected[name]) for name, t in loaded.nano.model.state_dict().items())
    assert loaded.readers is not None
    heads = readers.state_dict()
    assert all(t.equal(heads[name]) for name, t in loaded.readers.state_dict().items())


@pytest.mark.parametrize("name", ["tokenizer.json", "vision.safetensors", "image.done"])
def test_a_run_folder_that_lacks_a_file_is_refused_and_left_as_it_is(
    name: str, run_folder: tuple[Path, Nano, Readers]
) -> None:
    folder = run_folder[0]
    (folder / name).unlink()
    with pytest.raises(BackboneLoadError, match=f"lacks {name}"):
        load_image_llm(folder, CPU)
    assert not (folder / name).exists()


@pytest.mark.parametrize("fault", ["missing", "unknown", "shape", "damaged"])
def test_a_checkpoint_that_does_not_fit_is_refused(
    fault: str, run_folder: tuple[Path, Nano, Readers]
) -> None:
    folder = run_folder[0]
    path = folder / "image.safetensors"
    state = load_file(path)
    match fault:
        case "missing":
            del state["weight.nano.positions"]
        case "unknown":
            state["weight.nano.more"] = torch.zeros(1)
        case "shape":
            state["weight.nano.positions"] = torch.zeros(4, 4)
    save_file(state, path)
    if fault == "damaged":
        path.write_bytes(b"no tensors")
    with pytest.raises(BackboneLoadError, match=r"image\.safetensors"):
        load_image_llm(folder, CPU)


def test_a_folder_of_weights_is_loaded(tmp_path: Path) -> None:
    nano = tiny_nano()
    save_nano(tmp_path, nano.model, nano.tokenizer, torch.float32)
    loaded = load_image_llm(tmp_path, CPU)
    assert (loaded.origin, loaded.has_statistics, loaded.readers) == ("weights", True, None)
    expected = nano.model.state_dict()
    assert all(t.equal(expected[name]) for name, t in loaded.nano.model.state_dict().items())


def test_without_a_folder_it_is_the_shipped_one() -> None:
    loaded = load_image_llm(None, CPU)
    assert loaded.origin == "shipped"
    assert len(loaded.digest) == 64


def test_a_folder_with_neither_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackboneLoadError, match="holds neither") as caught:
        load_image_llm(tmp_path, CPU)
    assert caught.value.hint is not None


def test_models_that_see_differently_are_not_compared() -> None:
    one, other = tiny_nano(0), tiny_nano(0)
    require_same_vision(one, other)
    other.model.vision.half().float()  # as weights are shipped
    require_same_vision(one, other)
    with pytest.raises(ConfigError, match="different vision encoders"):
        require_same_vision(one, tiny_nano(1))
