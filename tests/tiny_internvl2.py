"""InternVL2 at toy size with random weights, under the names of its public files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers.models.internvl import InternVLConfig, InternVLForConditionalGeneration
from transformers.models.phi3 import Phi3Config, Phi3ForCausalLM
from transformers.models.qwen2 import Qwen2Config, Qwen2ForCausalLM

from linvt_cli.backbones.text_tokenizers import load_tokenizer
from tests.tiny_checkpoints import randomized, write_config, write_tokenizer, write_weights
from tests.tiny_sentencepiece import write_internlm2_tokenizer, write_phi3_tokenizer

Weights = dict[str, Tensor]

CHATML = ("<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>")
PHI3 = ("<|system|>", "<|user|>", "<|end|>", "<|assistant|>", "<img>", "</img>", "<IMG_CONTEXT>")
VOCABULARY, OF_PIECES = 272, 336  # of the byte-level tokenizer, and of those of SentencePiece
WIDTH, HEADS, KV_HEADS, LAYERS = 32, 4, 2, 2
TOWER_WIDTH, TOWER_HEADS, TOWER_LAYERS = 24, 3, 2
SIZE, PATCH = 56, 14
VISION = {
    "hidden_size": TOWER_WIDTH,
    "num_hidden_layers": TOWER_LAYERS,
    "num_attention_heads": TOWER_HEADS,
    "intermediate_size": 40,
    "image_size": SIZE,
    "patch_size": PATCH,
    "qkv_bias": True,
    "qk_normalization": False,
    "layer_norm_eps": 1e-6,
    "norm_type": "layer_norm",
    "hidden_act": "gelu",
}
LANGUAGE: dict[str, Any] = {
    "hidden_size": WIDTH,
    "intermediate_size": 48,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": False,
    "pad_token_id": 0,
}
LLM: dict[str, dict[str, Any]] = {
    "qwen2": {**LANGUAGE, "model_type": "qwen2", "rope_theta": 1e6},
    "phi3": {
        **LANGUAGE,
        "model_type": "phi3",
        "vocab_size": OF_PIECES,
        "original_max_position_embeddings": 64,
        "rope_theta": 1e4,
        "rope_scaling": {"type": "su", "short_factor": [1.0] * 4, "long_factor": [2.0] * 4},
    },
    "internlm2": {
        **LANGUAGE,
        "model_type": "internlm2",
        "vocab_size": OF_PIECES,
        "bias": False,
        "rope_theta": 1e6,
        "rope_scaling": {"type": "dynamic", "factor": 2.0},
        "auto_map": {"AutoModel": "evil.Model"},
    },
}


def tower_shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "vision_model.embeddings.class_embedding": (1, 1, TOWER_WIDTH),
        "vision_model.embeddings.patch_embedding.weight": (TOWER_WIDTH, 3, PATCH, PATCH),
        "vision_model.embeddings.patch_embedding.bias": (TOWER_WIDTH,),
        "vision_model.embeddings.position_embedding": (
            1,
            (SIZE // PATCH) ** 2 + 1,
            TOWER_WIDTH,
        ),
        "mlp1.0.weight": (4 * TOWER_WIDTH,),
        "mlp1.0.bias": (4 * TOWER_WIDTH,),
        "mlp1.1.weight": (WIDTH, 4 * TOWER_WIDTH),
        "mlp1.1.bias": (WIDTH,),
        "mlp1.3.weight": (WIDTH, WIDTH),
        "mlp1.3.bias": (WIDTH,),
    }
    linear = {
        "attn.qkv": (3 * TOWER_WIDTH, TOWER_WIDTH),
        "attn.proj": (TOWER_WIDTH, TOWER_WIDTH),
        "mlp.fc1": (40, TOWER_WIDTH),
        "mlp.fc2": (TOWER_WIDTH, 40),
    }
    for layer in range(TOWER_LAYERS):
        prefix = f"vision_model.encoder.layers.{layer}."
        for name, shape in linear.items():
            shapes |= {f"{prefix}{name}.weight": shape, f"{prefix}{name}.bias": shape[:1]}
        for name in ("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias", "ls1", "ls2"):
            shapes[prefix + name] = (TOWER_WIDTH,)
    return shapes


def internlm2_shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "language_model.model.tok_embeddings.weight": (OF_PIECES, WIDTH),
        "language_model.model.norm.weight": (WIDTH,),
        "language_model.output.weight": (OF_PIECES, WIDTH),
    }
    for layer in range(LAYERS):
        prefix = f"language_model.model.layers.{layer}."
        shapes |= {
            prefix + "attention.wqkv.weight": (WIDTH + 2 * KV_HEADS * WIDTH // HEADS, WIDTH),
            prefix + "attention.wo.weight": (WIDTH, WIDTH),
            prefix + "feed_forward.w1.weight": (48, WIDTH),
            prefix + "feed_forward.w2.weight": (WIDTH, 48),
            prefix + "feed_forward.w3.weight": (48, WIDTH),
            prefix + "attention_norm.weight": (WIDTH,),
            prefix + "ffn_norm.weight": (WIDTH,),
        }
    return shapes


def drawn(shapes: dict[str, tuple[int, ...]]) -> Weights:
    generator = torch.Generator().manual_seed(0)
    return {
        name: 0.25 * torch.randn(shape, generator=generator) + (1.0 if "norm" in name else 0.0)
        for name, shape in shapes.items()
    }


def language_weights(kind: str) -> Weights:
    if kind == "internlm2":
        return drawn(internlm2_shapes())
    stock = stock_language_model(kind)
    return {f"language_model.{name}": tensor for name, tensor in stock.state_dict().items()}


def stock_language_model(kind: str) -> Any:
    settings = {key: value for key, value in LLM[kind].items() if key != "model_type"}
    if kind == "qwen2":
        return randomized(Qwen2ForCausalLM(Qwen2Config(**settings)))
    settings["rope_scaling"] = {**LLM["phi3"]["rope_scaling"], "type": "longrope"}
    return randomized(Phi3ForCausalLM(Phi3Config(**settings)))


def write_internvl2(folder: Path, kind: str) -> Weights:
    """Write a checkpoint in the layout of the public files; return its weights."""
    folder.mkdir(parents=True, exist_ok=True)
    assert _write_tokenizer(folder, kind) <= LLM[kind]["vocab_size"]
    weights = {**drawn(tower_shapes()), **language_weights(kind)}
    write_weights(folder, weights)
    write_config(
        folder,
        {
            "model_type": "internvl_chat",
            "vision_config": VISION,
            "llm_config": LLM[kind],
            "downsample_ratio": 0.5,
            "select_layer": -1,
            "ps_version": "v2",
        },
    )
    return weights


def _write_tokenizer(folder: Path, kind: str) -> int:
    if kind == "internlm2":
        return write_internlm2_tokenizer(folder)
    if kind == "phi3":
        return write_phi3_tokenizer(folder, PHI3)
    return write_tokenizer(folder, CHATML)


def write_internvl3(folder: Path) -> Any:
    """Write InternVL3 in its "-hf" layout; return the stock model with the same weights."""
    folder.mkdir(parents=True, exist_ok=True)
    assert write_tokenizer(folder, CHATML) <= VOCABULARY
    vision = {name: VISION[name] for name in VISION if name not in ("qkv_bias", "qk_normalization")}
    config = InternVLConfig(
        text_config=LLM["qwen2"],
        vision_config={**vision, "attention_bias": True},
        image_token_id=load_tokenizer(folder).get_added_vocab()["<IMG_CONTEXT>"],
        image_seq_length=4,
        tie_word_embeddings=False,
    )
    stock = randomized(InternVLForConditionalGeneration(config))
    write_config(folder, config.to_dict())
    write_weights(folder, dict(stock.state_dict()))
    return stock
