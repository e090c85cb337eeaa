"""Molmo at toy size with random weights, under the names of its public files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers.models.olmo2 import Olmo2Config, Olmo2ForCausalLM
from transformers.models.olmoe import OlmoeConfig, OlmoeForCausalLM
from transformers.models.qwen2 import Qwen2Config, Qwen2ForCausalLM

from tests.tiny_checkpoints import randomized, write_config, write_tokenizer, write_weights

Weights = dict[str, Tensor]

WIDTH, PROJECTED = 32, 20
SIZE, PATCH = 56, 14
TOWER_WIDTH, TOWER_HEADS, TOWER_LAYERS, TOWER_HIDDEN = 24, 3, 10, 40
VOCABULARY, ADDED = 257, 8
MARKS = ("<im_start>", "<im_end>", "<im_patch>", "<im_col>")
LANGUAGE: dict[str, Any] = {
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "vocab_size": VOCABULARY + ADDED,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": False,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 256,
}


def language_model(kind: str) -> Any:
    """The stock language model of 7B-D, 7B-O or MolmoE, with a head for all rows."""
    if kind == "7b-d":
        config = Qwen2Config(**LANGUAGE, intermediate_size=48)
        return randomized(Qwen2ForCausalLM(config))
    if kind == "7b-o":
        return randomized(Olmo2ForCausalLM(Olmo2Config(**LANGUAGE, intermediate_size=48)))
    experts = OlmoeConfig(**LANGUAGE, intermediate_size=24, num_experts=4, num_experts_per_tok=2)
    return randomized(OlmoeForCausalLM(experts))


def head_name(kind: str) -> str:
    """What the public files call the head."""
    return "lm_head.weight" if kind == "moe" else "model.transformer.ff_out.weight"


def public_language_weights(kind: str) -> Weights:
    """Weights of a stock language model as the public files name and fuse them."""
    stock = dict(language_model(kind).state_dict())
    norms = {
        "7b-o": {"post_attention_layernorm": "attn_norm", "post_feedforward_layernorm": "ff_norm"}
    }.get(kind, {"input_layernorm": "attn_norm", "post_attention_layernorm": "ff_norm"})
    table = stock.pop("model.embed_tokens.weight")
    weights = {
        "model.transformer.wte.embedding": table[:VOCABULARY],
        "model.transformer.wte.new_embedding": table[VOCABULARY:],
        head_name(kind): stock.pop("lm_head.weight")[:VOCABULARY],
        "model.transformer.ln_f.weight": stock.pop("model.norm.weight"),
    }
    for layer in range(LANGUAGE["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        parts = {
            name.removeprefix(prefix): tensor
            for name, tensor in stock.items()
            if name.startswith(prefix)
        }
        block = {**public_attention(parts), **public_feed_forward(parts)}
        block |= {f"{public}.weight": parts[f"{native}.weight"] for native, public in norms.items()}
        if kind == "moe":
            block = {inside_module(name): tensor for name, tensor in block.items()}
        weights |= {f"model.transformer.blocks.{layer}.{name}": t for name, t in block.items()}
    return weights


def inside_module(name: str) -> str:
    """MolmoE's own name of a weight that 7B-D and 7B-O have in the block itself."""
    if name.startswith("mlp."):
        return name
    return ("mlp." if name.startswith("ff_") else "attn.") + name


def public_attention(parts: Weights) -> Weights:
    """One layer's attention: query, key and value in one matrix."""
    fused = {
        f"att_proj.{kind}": torch.cat([parts[f"self_attn.{part}_proj.{kind}"] for part in "qkv"])
        for kind in ("weight", "bias")
        if f"self_attn.q_proj.{kind}" in parts
    }
    norms = {
        f"{name}.weight": parts[f"self_attn.{name}.weight"]
        for name in ("q_norm", "k_norm")
        if f"self_attn.{name}.weight" in parts
    }
    return {**fused, **norms, "attn_out.weight": parts["self_attn.o_proj.weight"]}


def public_feed_forward(parts: Weights) -> Weights:
    """One layer's feed-forward part: up and gate in one matrix, or experts one by one."""
    if "mlp.gate.weight" not in parts:
        both = [parts["mlp.up_proj.weight"], parts["mlp.gate_proj.weight"]]
        return {
            "ff_proj.weight": torch.cat(both),
            "ff_out.weight": parts["mlp.down_proj.weight"],
        }
    weights = {"mlp.gate.weight": parts["mlp.gate.weight"]}
    matrices = zip(parts["mlp.experts.gate_up_proj"], parts["mlp.experts.down_proj"], strict=True)
    for expert, (gate_up, down) in enumerate(matrices):
        gate, up = gate_up.chunk(2)
        for name, matrix in (("gate", gate), ("up", up), ("down", down)):
            weights[f"mlp.experts.{expert}.{name}_proj.weight"] = matrix
    return weights


def vision_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the public vision backbone."""
    w, two = TOWER_WIDTH, 2 * TOWER_WIDTH
    shapes: dict[str, tuple[int, ...]] = {
        "image_vit.class_embedding": (w,),
        "image_vit.positional_embedding": ((SIZE // PATCH) ** 2 + 1, w),
        "image_vit.patch_embedding.weight": (w, PATCH * PATCH * 3),
        "image_vit.pre_ln.weight": (w,),
        "image_vit.pre_ln.bias": (w,),
        "pad_embed": (2, two),
        "image_projector.w1.weight": (PROJECTED, w),
        "image_projector.w2.weight": (WIDTH, PROJECTED),
        "image_projector.w3.weight": (PROJECTED, w),
    }
    for part, width in (("wq", two), ("wk", two), ("wv", two), ("wo", w)):
        shapes[f"image_pooling_2d.{part}.weight"] = (w, width)
        shapes[f"image_pooling_2d.{part}.bias"] = (w,)
    for layer in range(TOWER_LAYERS):
        p = f"image_vit.transformer.resblocks.{layer}."
        linear = {f"attention.{part}": (w, w) for part in ("wq", "wk", "wv", "wo")}
        linear |= {"feed_forward.w1": (TOWER_HIDDEN, w), "feed_forward.w2": (w, TOWER_HIDDEN)}
        for name, shape in linear.items():
            shapes |= {f"{p}{name}.weight": shape, f"{p}{name}.bias": shape[:1]}
        for name in ("attention_norm", "ffn_norm"):
            shapes |= {f"{p}{name}.weight": (w,), f"{p}{name}.bias": (w,)}
    return shapes


def write_molmo(folder: Path, kind: str = "7b-d") -> Weights:
    """Write a checkpoint in the layout of the public files; return its weights."""
    folder.mkdir(parents=True, exist_ok=True)
    assert VOCABULARY < write_tokenizer(folder, MARKS) <= VOCABULARY + ADDED
    generator = torch.Generator().manual_seed(5)
    weights = {
        "model.vision_backbone." + name: 0.2 * torch.randn(shape, generator=generator)
        + (1.0 if "norm.weight" in name or "ln.weight" in name else 0.0)
        for name, shape in vision_shapes().items()
    }
    weights |= public_language_weights(kind)
    write_weights(folder, weights)
    write_config(folder, {"model_type": "molmo", **(MOLMOE if kind == "moe" else config_7b(kind))})
    return weights


def config_7b(kind: str) -> dict[str, Any]:
    """The public configuration of 7B-D or 7B-O, and sizes of the tower that those need not say."""
    sizes = {name: value for name, value in LANGUAGE.items() if not name.endswith("_token_id")}
    return {
        **sizes,
        "vocab_size": VOCABULARY,
        "embedding_size": VOCABULARY,
        "intermediate_size": 96,
        "layer_norm_eps": 1e-6,
        "norm_after": kind == "7b-o",
        "vision_config": {
            "hidden_size": TOWER_WIDTH,
            "num_hidden_layers": TOWER_LAYERS,
            "num_attention_heads": TOWER_HEADS,
            "intermediate_size": TOWER_HIDDEN,
            "image_size": SIZE,
            "patch_size": PATCH,
        },
    }


# As OLMo calls things.
MOLMOE: dict[str, Any] = {
    "d_model": WIDTH,
    "n_heads": 4,
    "n_kv_heads": 2,
    "n_layers": 2,
    "mlp_hidden_size": 48,
    "max_sequence_length": 2048,
    "max_position_embeddings": None,
    "vocab_size": VOCABULARY - 1,
    "embedding_size": VOCABULARY,
    "additional_vocab_size": ADDED,
    "layer_norm_eps": 1e-6,
    "norm_after": False,
    "rope_impl": "llama",
    "weight_tying": False,
    "moe_num_experts": 4,
    "moe_top_k": 2,
    "vision_backbone": {
        "image_default_input_size": [SIZE, SIZE],
        "image_patch_size": PATCH,
        "image_emb_dim": TOWER_WIDTH,
        "image_num_heads": TOWER_HEADS,
        "image_num_layers": TOWER_LAYERS,
        "image_mlp_dim": TOWER_HIDDEN,
        "image_norm_eps": 1e-5,
    },
}
