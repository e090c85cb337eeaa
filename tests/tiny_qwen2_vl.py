"""Qwen2-VL and Qwen2.5-VL at toy size with random weights, under their public names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers.models.qwen2_5_vl import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_vl import Qwen2VLConfig, Qwen2VLForConditionalGeneration

from tests.tiny_checkpoints import randomized, write_config, write_tokenizer, write_weights

MARKS = (
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
TEXT: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 2]},
    "tie_word_embeddings": False,
}
VISION: dict[str, dict[str, Any]] = {
    "qwen2_vl": {"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 4, "mlp_ratio": 2},
    "qwen2_5_vl": {
        "depth": 2,
        "hidden_size": 32,
        "num_heads": 4,
        "intermediate_size": 48,
        "out_hidden_size": 32,
        "fullatt_block_indexes": [1],
        "window_size": 56,
    },
}
CLASSES = {
    "qwen2_vl": (Qwen2VLConfig, Qwen2VLForConditionalGeneration),
    "qwen2_5_vl": (Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration),
}
IMAGE, VIDEO = 261, 262


def native(kind: str) -> Any:
    """The stock model with random weights, as the hub's configuration describes it."""
    config_class, model_class = CLASSES[kind]
    config = config_class(
        text_config={**TEXT, "vocab_size": 264},
        vision_config={
            **VISION[kind],
            "patch_size": 14,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
        },
        image_token_id=IMAGE,
        video_token_id=VIDEO,
        vision_start_token_id=259,
        vision_end_token_id=260,
        tie_word_embeddings=False,
    )
    return randomized(model_class(config))


def original_names(model: Any) -> dict[str, torch.Tensor]:
    """The weights under the names of the public files: visual.*, model.*, lm_head.*"""
    return {
        name.replace("model.visual.", "visual.").replace("model.language_model.", "model."): tensor
        for name, tensor in model.state_dict().items()
    }


def write_qwen(folder: Path, kind: str = "qwen2_vl") -> Any:
    """Write a checkpoint in the public layout; return the stock model with the same weights."""
    folder.mkdir(parents=True, exist_ok=True)
    assert write_tokenizer(folder, MARKS) <= 264
    model = native(kind)
    write_config(folder, model.config.to_dict())
    write_weights(folder, original_names(model))
    return model
