"""Small repositories for tests of pulling: honest ones."""

from __future__ import annotations

import json

import numpy as np
from safetensors.numpy import save


def weights(num_bytes: int = 300_000, seed: int = 0) -> bytes:
    """Return a safetensors file of random bytes."""
    content = np.random.default_rng(seed).integers(256, size=num_bytes, dtype=np.uint8)
    return save({"weight": content})


def honest_repo(num_bytes: int = 300_000) -> dict[str, bytes]:
    """Return the files of a model as makers publish them: with code and pickles beside it."""
    return {
        "config.json": json.dumps({"model_type": "qwen2_vl"}).encode(),
        "tokenizer.json": b'{"version": "1.0"}',
        "merges.txt": b"a b\n",
        "tokenizer.model": b"\x0a\x00",
        "model.safetensors": weights(num_bytes),
        "pytorch_model.bin": b"\x80\x04pickle",
        "modeling_custom.py": b"raise SystemExit('this was run')",
        "README.md": b"# A model",
        ".gitattributes": b"* lfs",
    }


def sharded_repo() -> dict[str, bytes]:
    """Return the files of a model whose weights are in two files, and two more beside them."""
    first, second = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
    index = {"metadata": {}, "weight_map": {"a": first, "b": second}}
    return {
        "config.json": b"{}",
        "model.safetensors.index.json": json.dumps(index).encode(),
        first: weights(1000, seed=1),
        second: weights(2000, seed=2),
        "consolidated.safetensors": weights(3000, seed=3),
    }


PULLED = {
    "config.json",
    "tokenizer.json",
    "merges.txt",
    "tokenizer.model",
    "model.safetensors",
}
"""What is pulled of ``honest_repo``."""
