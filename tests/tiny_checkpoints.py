"""Tiny random checkpoints of the public image-LLMs, written in the layout of their repositories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

_ORDINARY_TOKENS = ("<|endoftext|>",)


def write_tokenizer(folder: Path, marks: tuple[str, ...], *, bos: str | None = None) -> int:
    """Write a byte-level tokenizer with the marks of a chat template; return its size."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=256,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([], trainer)
    names = dict.fromkeys((*_ORDINARY_TOKENS, *marks, *((bos,) if bos else ())))
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in names])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|endoftext|>", bos_token=bos
    )
    fast.save_pretrained(folder)
    return len(fast)


def write_config(folder: Path, config: dict[str, Any]) -> None:
    """Write a ``config.json``, with the pointers to code that public ones carry."""
    text = json.dumps({**config, "auto_map": {"AutoModel": "evil.Model"}}, indent=2)
    (folder / "config.json").write_text(text, encoding="utf-8")


def write_weights(folder: Path, weights: dict[str, torch.Tensor]) -> None:
    """Write weights in two shards with an index, as public checkpoints are split."""
    names = sorted(weights)
    shards = (names[::2], names[1::2])
    index: dict[str, str] = {}
    for number, shard in enumerate(shards, start=1):
        file = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        tensors = {name: weights[name].detach().clone().contiguous() for name in shard}
        save_file(tensors, folder / file, metadata={"format": "pt"})
        index.update(dict.fromkeys(shard, file))
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": index}), encoding="utf-8"
    )


def randomized(model: torch.nn.Module, *, seed: int = 0, std: float = 0.2) -> torch.nn.Module:
    """Draw all weights anew: with the usual small ones every answer would be the same."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            around = 1.0 if name.endswith("norm.weight") or ".norm" in name else 0.0
            spread = 0.1 if around else std
            parameter.copy_(around + spread * torch.randn(parameter.shape, generator=generator))
    return model.eval()
