"""BLIP-3 at toy size with random weights, under the names of its public files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers.models.phi3 import Phi3Config, Phi3ForCausalLM
from transformers.models.siglip import SiglipVisionConfig, SiglipVisionModel

from tests.tiny_checkpoints import randomized, write_config, write_weights
from tests.tiny_sentencepiece import write_phi3_tokenizer

Weights = dict[str, Tensor]

WIDTH, TOWER_WIDTH = 32, 24
LATENTS, DEPTH, HEADS, HEAD_DIM = 6, 2, 2, 10
MARKS = ("<|endoftext|>", "<|system|>", "<|user|>", "<|end|>", "<|assistant|>", "<pad>")
INITIAL, ADDED, ALLOCATED = 326, 3, 340
TOWER: dict[str, Any] = {
    "hidden_size": TOWER_WIDTH,
    "num_hidden_layers": 2,
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
    "num_key_value_heads": 4,
    "max_position_embeddings": 2048,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def tower() -> Any:
    """The SigLIP tower with its pooling head, which the public files hold and nothing uses."""
    return randomized(SiglipVisionModel(SiglipVisionConfig(**TOWER)))


def language_model() -> Any:
    """Phi-3 with all rows that the public files allocate."""
    return randomized(Phi3ForCausalLM(Phi3Config(**LANGUAGE, vocab_size=ALLOCATED)))


def resampler_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the public resampler."""
    inner = HEADS * HEAD_DIM
    shapes: dict[str, tuple[int, ...]] = {
        "latents": (LATENTS, TOWER_WIDTH),
        "norm.weight": (TOWER_WIDTH,),
        "norm.bias": (TOWER_WIDTH,),
        "projection.weight": (WIDTH, TOWER_WIDTH),
        "projection.bias": (WIDTH,),
    }
    for layer in range(DEPTH):
        p = f"layers.{layer}."
        shapes |= {
            p + "0.norm_media.weight": (TOWER_WIDTH,),
            p + "0.norm_media.bias": (TOWER_WIDTH,),
            p + "0.norm_latents.weight": (TOWER_WIDTH,),
            p + "0.norm_latents.bias": (TOWER_WIDTH,),
            p + "0.to_q.weight": (inner, TOWER_WIDTH),
            p + "0.to_kv.weight": (2 * inner, TOWER_WIDTH),
            p + "0.to_out.weight": (TOWER_WIDTH, inner),
            p + "1.0.weight": (TOWER_WIDTH,),
            p + "1.0.bias": (TOWER_WIDTH,),
            p + "1.1.weight": (4 * TOWER_WIDTH, TOWER_WIDTH),
            p + "1.3.weight": (TOWER_WIDTH, 4 * TOWER_WIDTH),
        }
    return shapes


def write_blip3(folder: Path, *, head_bias: bool = True) -> Weights:
    """Write a checkpoint in the layout of the public files; return its weights."""
    folder.mkdir(parents=True, exist_ok=True)
    assert write_phi3_tokenizer(folder, MARKS) == INITIAL
    generator = torch.Generator().manual_seed(4)

    def drawn(*shape: int) -> Tensor:
        return 0.25 * torch.randn(shape, generator=generator)

    lm = "vlm.lang_model."
    weights = {lm + name: tensor for name, tensor in language_model().state_dict().items()}
    weights |= {
        f"vlm.vision_encoder.{name}": tensor for name, tensor in tower().state_dict().items()
    }
    weights |= {
        f"vlm.vision_tokenizer.{name}": drawn(*shape) + (1.0 if "norm" in name else 0.0)
        for name, shape in resampler_shapes().items()
    }
    weights[lm + "model.embed_tokens.additional_embedding.weight"] = drawn(ADDED, WIDTH)
    weights[lm + "lm_head.additional_fc.weight"] = drawn(ADDED, WIDTH)
    if head_bias:
        weights[lm + "lm_head.bias"] = drawn(ALLOCATED)
        weights[lm + "lm_head.additional_fc.bias"] = drawn(ADDED)
    write_weights(folder, weights)
    write_config(
        folder,
        {
            "model_type": "xgenmm",
            "text_config": {**LANGUAGE, "model_type": "phi3", "initial_tokenizer_len": INITIAL},
            "vision_encoder_config": {**TOWER, "model_type": "xgenmm_vision_encoder"},
            "vision_tokenizer_config": {
                "num_latents": LATENTS,
                "depth": DEPTH,
                "num_heads": HEADS,
                "head_dim": HEAD_DIM,
            },
        },
    )
    return weights
