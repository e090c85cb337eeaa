"""Real architectures at toy size with random weights, built from their configs alone."""

from __future__ import annotations

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from linvt_cli.backbones.nano import Nano
from linvt_cli.backbones.nano_model import NanoConfig, NanoModel
from linvt_cli.backbones.nano_text import SPECIAL_TOKENS


def byte_tokenizer() -> Tokenizer:
    """A byte-level tokenizer without merges: 256 bytes and nano's special tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=256 + len(SPECIAL_TOKENS),
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([], trainer)
    return tokenizer


def tiny_nano(seed: int = 0) -> Nano:
    """A random nano of 64-pixel pictures, 4 visual tokens a frame and 24 wide."""
    torch.manual_seed(seed)
    tokenizer = byte_tokenizer()
    config = NanoConfig(
        vocab_size=tokenizer.get_vocab_size(),
        image_size=64,
        embed_dim=24,
        num_visual_layers=1,
        num_layers=2,
        num_heads=2,
        intermediate_dim=32,
        max_context=512,
    )
    model = NanoModel(config)
    with torch.no_grad():
        model.positions.normal_(std=0.5)
        for parameter in model.vision.parameters():
            parameter.mul_(1.5)  # random weights fade over 16 blocks
    return Nano(model, tokenizer, device=torch.device("cpu"), dtype=torch.float32)
