"""The image-LLM under which variants are compared.

It may be one that has seen stills and storyboards only: a run folder of ``linvt train --recipe
nano`` holds it as the checkpoint of the image stage. The shipped one has since learnt together with
a whole LinVT, which favours what is like it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from linvt_cli.backbones.nano import Nano
from linvt_cli.backbones.nano_model import load_nano
from linvt_cli.backbones.registry import find_backbone
from linvt_cli.errors import BackboneLoadError, ConfigError
from linvt_cli.training.readers import Readers
from linvt_cli.training.recipe import NanoRecipe
from linvt_cli.training.untrained import new_nano

Origin = Literal["shipped", "image stage", "weights"]
_HINT = "name a folder of nano's weights, or a run folder of: linvt train --recipe nano"
_STAGE_FILES = ("tokenizer.json", "vision.safetensors", "image.safetensors", "image.done")
_NOT_IN_THE_STAGE = ("vision.", "feature_", "language_model.lm_head.")


@dataclass(frozen=True, slots=True)
class ImageLLM:
    """An image-LLM with what is known of it."""

    nano: Nano
    origin: Origin
    digest: str  # SHA-256 of its weights
    readers: Readers | None = None  # heads that were trained with it

    @property
    def has_statistics(self) -> bool:
        """Whether it knows mean and deviation of vision features; an image stage does not."""
        return self.origin != "image stage"


def load_image_llm(folder: Path | None, device: torch.device) -> ImageLLM:
    """Load nano from its weights, or from the run folder of its recipe; None is the shipped one.

    Raises:
        BackboneLoadError: the folder holds neither, or files that do not fit.
    """
    if folder is None:
        shipped = find_backbone("nano").weights
        if shipped is None:
            raise BackboneLoadError("The weights of nano are missing", hint="install linvt again")
        return _from_weights(shipped, device, "shipped")
    if (folder / "image.safetensors").is_file():
        return _from_stage(folder, device)
    if (folder / "model.safetensors").is_file():
        return _from_weights(folder, device, "weights")
    raise BackboneLoadError(
        f"'{folder}' holds neither model.safetensors nor image.safetensors", hint=_HINT
    )


def require_same_vision(one: Nano, other: Nano) -> None:
    """Refuse two models whose features of a picture differ by more than rounding of weights.

    Raises:
        ConfigError: they do.
    """
    theirs = other.model.vision.state_dict()
    for name, tensor in one.model.vision.state_dict().items():
        if not torch.allclose(tensor.float(), theirs[name].float(), atol=2e-3, rtol=2e-3):
            raise ConfigError(
                f"The two image-LLMs have different vision encoders, at '{name}'",
                field="after",
                hint="name weights that were trained from the same vision encoder",
            )


def _from_weights(folder: Path, device: torch.device, origin: Origin) -> ImageLLM:
    model, tokenizer = load_nano(folder)
    nano = Nano(model, tokenizer, device=device, dtype=torch.float32)
    return ImageLLM(nano, origin, _digest(folder / "model.safetensors"))


def _from_stage(folder: Path, device: torch.device) -> ImageLLM:
    for name in _STAGE_FILES:
        if not (folder / name).is_file():
            raise BackboneLoadError(
                f"'{folder}' lacks {name}: the image stage has not ended there",
                hint=f"go on with: linvt train --recipe nano -o {folder}",
            )
    recipe = NanoRecipe()
    nano = new_nano(
        folder / "tokenizer.json",
        vocab_size=recipe.vocab_size,
        embed_dim=recipe.embed_dim,
        device=device,
    )
    readers = Readers(recipe.embed_dim).to(device)
    _fill(folder / "vision.safetensors", {"vision": nano.model.vision}, but=("",))
    _fill(
        folder / "image.safetensors",
        {"nano": nano.model, **dict(readers.named_children())},
        but=_NOT_IN_THE_STAGE,
    )
    return ImageLLM(nano, "image stage", _digest(folder / "image.safetensors"), readers)


def _fill(path: Path, modules: Mapping[str, nn.Module], *, but: tuple[str, ...]) -> None:
    """Load what a stage has trained of some modules.

    Args:
        path: the stage's checkpoint.
        modules: by the names they have in it.
        but: how the names of weights begin that need not be in it.

    Raises:
        BackboneLoadError: weights are missing or have other shapes.
    """
    try:
        with safe_open(path, framework="pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        for prefix, module in modules.items():
            start = f"weight.{prefix}."
            own = {n.removeprefix(start): t for n, t in state.items() if n.startswith(start)}
            result: Any = module.load_state_dict(own, strict=False)
            missing = [name for name in result.missing_keys if not name.startswith(but)]
            if not own or missing or result.unexpected_keys:
                raise BackboneLoadError(
                    f"'{path}' lacks {missing or prefix} and has unknown {result.unexpected_keys}",
                    hint=_HINT,
                )
    except (OSError, RuntimeError, SafetensorError) as error:
        raise BackboneLoadError(
            f"'{path}' does not fit nano's recipe: {str(error).splitlines()[0]}", hint=_HINT
        ) from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
