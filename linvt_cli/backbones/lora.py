"""A LoRA that was trained together with a LinVT: read from PEFT's files, put into a language model.

Where a layer has plain weights, the LoRA is added to them, and costs nothing afterwards. Where they
are quantized, it is computed beside them. PEFT itself is needed to train one, not to use one.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from linvt_cli.errors import CheckpointCorruptError, CheckpointMismatchError

if TYPE_CHECKING:
    from linvt_cli.backbones.base import TunableBackbone

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
PREFIX = "base_model.model."
"""What PEFT puts before the names of layers."""
_HINT = "fetch or train the checkpoint again"
# Settings of PEFT that change the arithmetic, with the values under which it is B·A·x·scale.
_PLAIN: dict[str, tuple[Any, ...]] = {
    "use_dora": (False,),
    "fan_in_fan_out": (False,),
    "bias": ("none",),
    "lora_bias": (False,),
    "rank_pattern": ({},),
    "alpha_pattern": ({},),
    "modules_to_save": (None, []),
    "trainable_token_indices": (None,),
}


@dataclass(frozen=True, slots=True)
class LowRank:
    """What is added to one linear layer: x ↦ scale · B · A · x."""

    down: Tensor  # A, (rank, in)
    up: Tensor  # B, (out, rank)
    scale: float

    def weight(self) -> Tensor:
        """Return it as a matrix: (out, in), float32."""
        return self.scale * (self.up.float() @ self.down.float())


def apply_lora(backbone: TunableBackbone, folder: Path) -> None:
    """Put the LoRA of a folder into a backbone's language model, for good.

    Raises:
        CheckpointCorruptError: if a file is missing or damaged, or holds another kind of adapter.
        CheckpointMismatchError: if it was made for another language model.
    """
    decoder = backbone.decoder()
    layers = dict(decoder.named_modules())
    for name, low_rank in read_lora(folder).items():
        layer = layers.get(name)
        if not isinstance(layer, nn.Linear):
            raise _mismatch(folder, backbone, f"a layer '{name}'")
        if (layer.out_features, layer.in_features) != (len(low_rank.up), low_rank.down.shape[1]):
            raise _mismatch(folder, backbone, f"other widths in '{name}'")
        _add(layer, low_rank, backbone.dtype)


def read_lora(folder: Path) -> dict[str, LowRank]:
    """Read the files that PEFT writes of a LoRA, by the names of the layers.

    Raises:
        CheckpointCorruptError: if one is missing or damaged, or holds another kind of adapter.
    """
    try:
        config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        tensors = load_file(folder / WEIGHTS_FILE)
        scale = _scale(folder, config)
    except (
        *(OSError, ValueError, TypeError, KeyError, AttributeError, SafetensorError),
        *(ArithmeticError, RecursionError),  # ranks and depths that only harm
    ) as error:
        raise CheckpointCorruptError(
            f"The LoRA in '{folder}' cannot be read: {error}", hint=_HINT
        ) from error
    names = {name.rpartition(".lora_")[0] for name in tensors}
    found = {}
    for name in sorted(names):
        down, up = (tensors.pop(f"{name}.lora_{part}.weight", None) for part in "AB")
        if down is None or up is None or down.ndim != 2 or up.shape[1:] != down.shape[:1]:
            raise CheckpointCorruptError(
                f"The LoRA in '{folder}' has no whole pair of matrices for '{name}'", hint=_HINT
            )
        found[name.removeprefix(PREFIX)] = LowRank(down, up, scale)
    if tensors or not found:
        raise CheckpointCorruptError(
            f"'{folder / WEIGHTS_FILE}' is not that of a LoRA: {', '.join(sorted(tensors)[:3])}",
            hint=_HINT,
        )
    return found


def _scale(folder: Path, config: dict[str, Any]) -> float:
    """Return the factor of the product; refuse adapters whose arithmetic is another."""
    odd = [key for key, plain in _PLAIN.items() if key in config and config[key] not in plain]
    if config["peft_type"] != "LORA" or odd:
        kind = ", ".join([str(config["peft_type"]), *odd])
        raise CheckpointCorruptError(
            f"The adapter in '{folder}' is no plain LoRA: {kind}",
            hint="train it with 'linvt train', or with PEFT's LoraConfig as it stands",
        )
    rank = int(config["r"])
    root = math.sqrt(rank) if config.get("use_rslora") else rank
    scale = float(config["lora_alpha"]) / root
    if not math.isfinite(scale):
        raise ValueError(f"its scale is {scale}")
    return scale


def _add(layer: nn.Linear, low_rank: LowRank, dtype: torch.dtype) -> None:
    """Add a LoRA to a layer, which computes in a dtype."""
    weight = layer.weight
    if weight.is_floating_point() and weight.shape == (layer.out_features, layer.in_features):
        summed = weight.data.float() + low_rank.weight().to(weight.device)
        # Not in place: weights may be mapped from a file.
        layer.weight = nn.Parameter(summed.to(weight.dtype), requires_grad=False)
        return
    scaled = low_rank.scale * low_rank.up.to(weight.device)
    # Cast here and not in the first run, whose tensors could not take part in training.
    down, up = low_rank.down.to(weight.device, dtype), scaled.to(dtype)

    def beside(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        (x,) = inputs
        # Casts nothing, unless x has another dtype than the backbone
        return output + (x @ down.to(x.dtype).T @ up.to(x.dtype).T).to(output.dtype)

    layer.register_forward_hook(beside)


def _mismatch(folder: Path, backbone: TunableBackbone, found: str) -> CheckpointMismatchError:
    return CheckpointMismatchError(
        f"The LoRA in '{folder}' is for {found}, which '{backbone.name}' has not",
        expected=backbone.name,
        found=found,
        hint="use the checkpoint with the model that it was trained with",
    )
