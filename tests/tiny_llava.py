"""Aquila-VL and Mipha at toy size with random weights, under the names of their public files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers.models.llava_onevision import (
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
)
from transformers.models.phi import PhiConfig, PhiForCausalLM
from transformers.models.qwen2 import Qwen2Config, Qwen2ForCausalLM
from transformers.models.siglip import SiglipVisionConfig, SiglipVisionModel

from tests.tiny_checkpoints import randomized, write_config, write_tokenizer, write_weights

Weights = dict[str, Tensor]

WIDTH, TOWER_WIDTH = 32, 24
VOCABULARY = 272
TOWER: dict[str, Any] = {
    "hidden_size": TOWER_WIDTH,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "image_size": 56,
    "patch_size": 14,
}
LANGUAGE: dict[str, Any] = {
    "hidden_size": WIDTH,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 2048,
}


def tower(num_layers: int, *, head: bool = False) -> Any:
    """A SigLIP tower, with its pooling head in files of Mipha alone; nothing uses it."""
    config = SiglipVisionConfig(**TOWER, num_hidden_layers=num_layers, vision_use_head=head)
    return randomized(SiglipVisionModel(config), seed=1)


def projector() -> Weights:
    """The projector of two layers under LLaVA's own names."""
    generator = torch.Generator().manual_seed(2)
    shapes = {
        "0.weight": (WIDTH, TOWER_WIDTH),
        "0.bias": (WIDTH,),
        "2.weight": (WIDTH, WIDTH),
        "2.bias": (WIDTH,),
    }
    return {
        f"model.mm_projector.{name}": 0.25 * torch.randn(shape, generator=generator)
        for name, shape in shapes.items()
    }


def qwen2(*, tied: bool) -> Any:
    """Aquila-VL's language model."""
    config = Qwen2Config(**LANGUAGE, num_key_value_heads=2, tie_word_embeddings=tied)
    return randomized(Qwen2ForCausalLM(config))


def write_aquila(folder: Path, *, tied: bool = False) -> Weights:
    """Write Aquila-VL in the layout of the public files; return its weights."""
    folder.mkdir(parents=True, exist_ok=True)
    assert write_tokenizer(folder, ("<|im_start|>", "<|im_end|>")) <= VOCABULARY
    language = dict(qwen2(tied=tied).state_dict())
    if tied:
        del language["lm_head.weight"]
    prefix = "model.vision_tower.vision_tower.vision_model."
    weights = {
        **language,
        **{prefix + name: tensor for name, tensor in tower(2).state_dict().items()},
        **projector(),
        "model.image_newline": torch.randn(WIDTH, generator=torch.Generator().manual_seed(3)),
    }
    write_weights(folder, weights)
    write_config(
        folder,
        {
            **LANGUAGE,
            "num_key_value_heads": 2,
            "model_type": "llava_qwen",
            "tie_word_embeddings": tied,
            "mm_vision_tower": "google/siglip-so400m-patch14-384",
            "vision_config": {**TOWER, "num_hidden_layers": 2},
        },
    )
    return weights


PARTIAL: dict[str, Any] = {"partial_rotary_factor": 0.5}


def phi() -> Any:
    """Mipha's language model."""
    return randomized(PhiForCausalLM(PhiConfig(**LANGUAGE, **PARTIAL)))


def fused_heads(weights: Weights, num_heads: int) -> Weights:
    """Query, key and value of each head side by side, as files with Phi-1.5 hold them."""
    fused = {name: tensor for name, tensor in weights.items() if "_proj." not in name}
    for name, query in weights.items():
        match = re.fullmatch(r"(.*self_attn\.)q_proj\.(weight|bias)", name)
        if match is None:
            continue
        parts = [weights[f"{match[1]}{part}_proj.{match[2]}"] for part in "qkv"]
        by_head = [part.view(num_heads, -1, *query.shape[1:]) for part in parts]
        together = torch.stack(by_head, dim=1).flatten(0, 2)
        fused[f"{match[1]}query_key_value.{match[2]}"] = together
    return fused


def write_mipha(folder: Path, *, fused: bool = False) -> Weights:
    """Write Mipha in the layout of the public files; return its weights."""
    folder.mkdir(parents=True, exist_ok=True)
    assert write_tokenizer(folder, ()) <= VOCABULARY
    language = dict(phi().state_dict())
    if fused:
        language = fused_heads(language, 4)
    prefix = "model.vision_tower.vision_model."
    weights = {
        **language,
        **{prefix + name: tensor for name, tensor in tower(3, head=True).state_dict().items()},
        **projector(),
    }
    write_weights(folder, weights)
    write_config(
        folder,
        {
            **LANGUAGE,
            "partial_rotary_factor": 0.5,
            "model_type": "mipha-phi" if fused else "mipha_phi",
            "vision_config": {"vision_tower": {**TOWER, "num_hidden_layers": 3}},
        },
    )
    return weights


def write_onevision(folder: Path) -> Any:
    """Write LLaVA-OneVision in its "-hf" layout; return the stock model with the same weights."""
    folder.mkdir(parents=True, exist_ok=True)
    size = write_tokenizer(folder, ("<|im_start|>", "<|im_end|>", "<image>", "<video>"))
    assert size <= VOCABULARY
    image = 259
    config = LlavaOnevisionConfig(
        text_config={**LANGUAGE, "num_key_value_heads": 2, "model_type": "qwen2"},
        vision_config={
            **TOWER,
            "num_hidden_layers": 2,
            "model_type": "siglip_vision_model",
            "vision_use_head": False,
        },
        image_token_index=image,
        video_token_index=image + 1,
        image_grid_pinpoints=[[56, 56]],
        vision_feature_layer=-1,
        tie_word_embeddings=False,
    )
    stock = randomized(LlavaOnevisionForConditionalGeneration(config))
    write_config(folder, config.to_dict())
    names = {
        name.replace("model.language_model.", "language_model.model.")
        .replace("lm_head.", "language_model.lm_head.")
        .replace("model.vision_tower.", "vision_tower.")
        .replace("model.multi_modal_projector.", "multi_modal_projector.")
        .replace("model.image_newline", "image_newline"): tensor
        for name, tensor in stock.state_dict().items()
    }
    write_weights(folder, names)
    return stock
