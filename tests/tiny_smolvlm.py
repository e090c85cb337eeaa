"""SmolVLM2 at toy size with random weights, under the names of its public files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers.models.smolvlm import SmolVLMConfig, SmolVLMForConditionalGeneration

from tests.tiny_checkpoints import randomized, write_config, write_tokenizer, write_weights

MARKS = (
    "<|im_start|>",
    "<end_of_utterance>",
    "<fake_token_around_image>",
    "<global-img>",
    "<image>",
)
VOCABULARY = 272
SIZE, PATCH, TOKENS = 56, 14, 4
IMAGE = 261


def stock() -> Any:
    """The stock model with random weights, as the hub's configuration describes it."""
    config = SmolVLMConfig(
        text_config={
            "model_type": "llama",
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "vocab_size": VOCABULARY,
            "max_position_embeddings": 2048,
            "rope_theta": 1e5,
            "pad_token_id": 2,
        },
        vision_config={
            "hidden_size": 24,
            "intermediate_size": 40,
            "num_hidden_layers": 2,
            "num_attention_heads": 3,
            "image_size": SIZE,
            "patch_size": PATCH,
        },
        image_token_id=IMAGE,
        scale_factor=2,
        tie_word_embeddings=False,
    )
    return randomized(SmolVLMForConditionalGeneration(config))


def write_smolvlm(folder: Path) -> Any:
    """Write a checkpoint in the public layout; return the stock model with the same weights."""
    folder.mkdir(parents=True, exist_ok=True)
    assert write_tokenizer(folder, MARKS) <= VOCABULARY
    model = stock()
    raw = model.config.to_dict()
    raw["text_config"] |= {"architectures": ["VLlama3ForCausalLM"], "pixel_shuffle_factor": 2}
    raw["vision_config"] |= {"size": {"longest_edge": 4 * SIZE}, "use_base_siglip": False}
    write_config(folder, raw)
    write_weights(folder, dict(model.state_dict()))
    return model
