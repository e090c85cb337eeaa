"""A LoRA on the language model, by PEFT: put in place, continued, written."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from linvt_cli.backbones.base import TunableBackbone
from linvt_cli.backbones.lora import CONFIG_FILE, WEIGHTS_FILE
from linvt_cli.errors import ConfigError
from linvt_cli.training.tuning.settings import LoraShape

if TYPE_CHECKING:
    from peft import PeftModel


def add_lora(backbone: TunableBackbone, shape: LoraShape) -> PeftModel:
    """Put a new LoRA beside every linear layer of a frozen language model, in place.

    Its weights alone take gradients, in float32. At first it changes nothing.

    Args:
        backbone: whose language model it is; goes on to work as before.
        shape: of the LoRA.

    Raises:
        ConfigError: if PEFT is not installed.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise ConfigError(
            "The instruct stage needs PEFT, which is not installed",
            field="stage",
            hint="pip install 'linvt[train]', or use --stage align",
        ) from error
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
    """Continue with the LoRA of a folder, which has the shape of the model's."""
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    set_peft_model_state_dict(model, load_file(folder / WEIGHTS_FILE))


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
