"""Nano before its first step: text tokenizer, pretrained vision encoder, helpful first weights."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from linvt_cli.backbones.nano import Nano
from linvt_cli.backbones.nano_model import NanoConfig, NanoModel
from linvt_cli.backbones.nano_text import SPECIAL_TOKENS
from linvt_cli.backbones.registry import find_backbone
from linvt_cli.errors import BackboneLoadError
from linvt_cli.training.questions import all_texts

_TOKEN_SCALE = 0.05
_MATCH_SCALE = 0.9  # of queries and keys: a token's logit for its like is about 4
_COPY_SCALE = 0.5


def new_nano(
    tokenizer_path: Path, *, vocab_size: int, embed_dim: int, device: torch.device
) -> Nano:
    """Build an untrained nano around the pretrained vision encoder that linvt ships.

    Args:
        tokenizer_path: file of the text tokenizer; it is trained and written where it is missing.
        vocab_size: V.
        embed_dim: D.
        device: where the model goes.

    Raises:
        BackboneLoadError: if the vision encoder is missing.
    """
    tokenizer = _text_tokenizer(tokenizer_path, vocab_size)
    model = NanoModel(NanoConfig(tokenizer.get_vocab_size(), embed_dim=embed_dim))
    # Visual tokens start as long as words do: what a token shows and where weigh alike.
    torch.nn.init.normal_(model.positions, std=_TOKEN_SCALE)
    torch.nn.init.constant_(model.projector.get_parameter("3.weight"), _TOKEN_SCALE)
    _start_by_matching(model)
    folder = find_backbone("nano").weights
    if folder is None or not (folder / "imagenet.safetensors").exists():
        raise BackboneLoadError(
            "The pretrained vision encoder of nano is missing", hint="install linvt again"
        )
    vision = load_file(folder / "imagenet.safetensors")
    model.vision.load_state_dict({name: tensor.float() for name, tensor in vision.items()})
    return Nano(model, tokenizer, device=device, dtype=torch.float32)


def _start_by_matching(model: NanoModel) -> None:
    """Let every head begin by attending to like tokens and copying them.

    Queries and keys share their weights, outputs are transposed values: mimetic initialization
    (arXiv 2305.09828). From random weights, finding the dog that the question names takes thousands
    of steps; from here it is what the first step does.
    """
    width = model.config.embed_dim
    with torch.no_grad():
        for layer in [*model.visual_layers.layers, *model.language_model.model.layers]:
            attention = layer.self_attn
            attention.q_proj.weight.normal_(std=_MATCH_SCALE * width**-0.5)
            attention.k_proj.weight.copy_(attention.q_proj.weight)
            attention.v_proj.weight.normal_(std=_COPY_SCALE * width**-0.5)
            attention.o_proj.weight.copy_(_COPY_SCALE * attention.v_proj.weight.T)


def _text_tokenizer(path: Path, vocab_size: int) -> Tokenizer:
    """Train a byte-level BPE on the language of the world; any other text falls back to bytes."""
    if path.exists():
        return Tokenizer.from_file(str(path))
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((text.lower() for text in all_texts()), trainer)
    tokenizer.save(str(path))
    return tokenizer
