"""A LoRA on the language model, by PEFT: put in place, continued, written."""

from __future__ import annotations

import importlib.util
import json
import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from linvt_cli.backbones.base import TunableBackbone
from linvt_cli.backbones.lora import CONFIG_FILE, PREFIX, WEIGHTS_FILE, LowRank, read_lora
from linvt_cli.errors import CheckpointCorruptError, ConfigError, how_to_install
from linvt_cli.training.tuning.settings import LoraShape

if TYPE_CHECKING:
    from peft import PeftModel


def require_peft() -> None:
    """Find out, without importing it, whether a LoRA can be made.

    Raises:
        ConfigError: if PEFT is not installed.
    """
    if importlib.util.find_spec("peft") is None:
        raise ConfigError(
            "The instruct stage needs PEFT, which is not installed",
            field="stage",
            hint=f"{how_to_install('train')}; or use --stage align",
        )


def add_lora(backbone: TunableBackbone, shape: LoraShape) -> PeftModel:
    """Put a new LoRA beside every linear layer of a frozen language model, in place.

    Its weights alone take gradients, in float32. At first it changes nothing.

    Args:
        backbone: whose language model it is; goes on to work as before.
        shape: of the LoRA.

    Raises:
        ConfigError: if PEFT is not installed.
    """
    require_peft()
    from peft import LoraConfig, get_peft_model

    decoder: Any = backbone.decoder()
    config = LoraConfig(
        r=shape.rank,
        lora_alpha=shape.alpha,
        lora_dropout=shape.dropout,
        target_modules=linear_layers(decoder),
    )
    with warnings.catch_warnings():
        # PEFT asks transformers under a name that is going out of use.
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
        return get_peft_model(decoder, config)


def linear_layers(decoder: nn.Module) -> list[str]:
    """Return the last parts of the names of all linear layers of a language model."""
    return sorted(
        {
            name.rpartition(".")[2]
            for name, module in decoder.named_modules()
            if isinstance(module, nn.Linear)
        }
    )


def set_dropout(decoder: nn.Module, *, active: bool) -> None:
    """Let the dropout of a LoRA be active or not; that of the language model stays as it is."""
    for name, module in decoder.named_modules():
        if "lora_dropout" in name:
            module.train(active)


def load_lora(model: PeftModel, folder: Path) -> None:
    """Continue with the LoRA of a folder, which has the shape of the model's.

    Raises:
        CheckpointCorruptError: if a file is missing or damaged, or is for other layers.
        ConfigError: if the LoRA has another rank or another weight.
    """
    from peft import get_peft_model_state_dict, set_peft_model_state_dict

    found = read_lora(folder)
    config: Any = model.peft_config["default"]
    _require_same_shape(folder, found, rank=config.r, scale=config.lora_alpha / config.r)
    tensors = {}
    for name, low_rank in found.items():
        tensors[f"{PREFIX}{name}.lora_A.weight"] = low_rank.down
        tensors[f"{PREFIX}{name}.lora_B.weight"] = low_rank.up
    wanted: Any = get_peft_model_state_dict(model, save_embedding_layers=False)
    odd = [
        name
        for name in sorted(wanted.keys() | tensors.keys())
        if name not in wanted or name not in tensors or wanted[name].shape != tensors[name].shape
    ]
    if odd:
        raise CheckpointCorruptError(
            f"The LoRA in '{folder}' is for other layers: {odd[0].removeprefix(PREFIX)}",
            hint="begin with a checkpoint that was trained for this very model",
        )
    set_peft_model_state_dict(model, tensors)


def _require_same_shape(
    folder: Path, found: dict[str, LowRank], *, rank: int, scale: float
) -> None:
    for low_rank in found.values():
        its_rank = len(low_rank.down)
        if its_rank != rank or low_rank.scale != scale:
            raise ConfigError(
                f"The LoRA in '{folder}' has rank {its_rank} and weight {low_rank.scale:g}, and"
                f" rank {rank} with weight {scale:g} is to be trained",
                field="lora_rank",
                hint=f"--lora-rank {its_rank}"
                if its_rank != rank
                else "begin with a checkpoint that 'linvt train' has written",
            )


def save_lora(model: PeftModel, folder: Path, *, base_model: str) -> None:
    """Write a LoRA as PEFT does, without the card that it adds.

    Args:
        model: what ``add_lora`` returned.
        folder: a new one.
        base_model: what the files are to say that it belongs to.
    """
    scratch = folder.with_name(f".{folder.name}-by-peft")
    # Else PEFT asks the hub whether the vocabulary was changed.
    model.save_pretrained(str(scratch), save_embedding_layers=False)
    config = json.loads((scratch / CONFIG_FILE).read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base_model  # not a folder of this machine
    folder.mkdir(parents=True)
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (scratch / WEIGHTS_FILE).rename(folder / WEIGHTS_FILE)
    shutil.rmtree(scratch)
