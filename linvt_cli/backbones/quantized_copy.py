"""Quantized copies: the weights of an image-LLM as they are once they are quantized.

To quantize takes minutes, to read what came of it takes seconds. A copy is a folder like that of
the original, with its configuration and its text tokenizer, but its weights are quantized and have
the names of the running model, so that nothing is renamed or taken apart again.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor
from transformers import PreTrainedModel
from transformers.conversion_mapping import register_checkpoint_conversion_mapping

from linvt_cli.backbones.copy_description import write_description
from linvt_cli.backbones.quantization import quantization_settings
from linvt_cli.backbones.snapshot import read_config, weight_dtypes, weight_shapes
from linvt_cli.config import Quantization
from linvt_cli.types import QUANTIZED_COPY, TEXT_FILES, WEIGHTS_INDEX

SHARD_SIZE = 2**30  # bytes; a shard is in memory twice while it is written
_OS_ERROR = re.compile(r"os error (\d+)")
_DTYPES = {"BF16": torch.bfloat16, "F16": torch.float16}


def published_dtype(folder: Path) -> torch.dtype:
    """Return the number format in which most weights of a checkpoint are: 16 bits or float32."""
    sizes: dict[str, int] = {}
    shapes = weight_shapes(folder)
    for name, dtype in weight_dtypes(folder).items():
        sizes[dtype] = sizes.get(dtype, 0) + prod(shapes[name])
    return _DTYPES.get(max(sizes, key=lambda dtype: sizes[dtype]), torch.float32)


def write_copy(
    model: PreTrainedModel,
    original: Path,
    target: Path,
    *,
    version: str,
    quantization: Quantization,
    full_precision: tuple[str, ...],
) -> None:
    """Write a model that was quantized while it was loaded, and has not run since.

    What has run is no longer what was quantized: on some processors bitsandbytes rearranges 4-bit
    weights in the first run, and cannot put them back exactly.

    Args:
        model: as ``load_model`` returned it, its vision encoder tested.
        original: the folder that it was loaded from.
        target: an empty folder.
        version: of the original's weights.
        quantization: int8 or nf4.
        full_precision: as ``load_model`` was told.

    Raises:
        OSError: if something cannot be written.
    """
    for file in _text_files(original):
        shutil.copyfile(file, target / file.name)
    settings = quantization_settings(quantization, model.dtype, full_precision)
    told: Any = settings
    config = {**read_config(original), "quantization_config": told.to_dict()}
    _write_json(target / "config.json", config)
    _write_weights(model, target)
    write_description(
        target,
        weight_shapes(original),
        quantization,
        version_of_original=version,
        dtype=model.dtype,
        device=model.device,
    )


def as_saved(model_class: type[PreTrainedModel]) -> type[PreTrainedModel]:
    """Return a class that reads the weights of copies: the same, but it renames nothing."""
    saved = type(f"Saved{model_class.__name__}", (model_class,), {})
    register_checkpoint_conversion_mapping(saved.__name__, [], overwrite=True)
    return saved


def _text_files(original: Path) -> list[Path]:
    found = {path for pattern in TEXT_FILES for path in original.glob(pattern)}
    own = ("config.json", WEIGHTS_INDEX, QUANTIZED_COPY)
    return sorted(path for path in found if path.name not in own)


def _write_weights(model: PreTrainedModel, target: Path) -> None:
    shards = list(_shards(model.state_dict()))
    index: dict[str, str] = {}
    for number, names in enumerate(shards, start=1):
        file = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        try:
            save_file(names, target / file, metadata={"format": "pt"})
        except SafetensorError as error:  # what the file system says is in its text only
            number_of_error = _OS_ERROR.search(str(error))
            code = int(number_of_error[1]) if number_of_error else errno.EIO
            raise OSError(code, os.strerror(code), str(target / file)) from error
        index.update(dict.fromkeys(names, file))
    _write_json(target / WEIGHTS_INDEX, {"metadata": {}, "weight_map": index})


def _shards(tensors: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """Split tensors into shards; what two names share is written under the first alone."""
    shard: dict[str, Tensor] = {}
    size, seen = 0, set[tuple[int, tuple[int, ...]]]()
    for name, tensor in tensors.items():
        place = (tensor.data_ptr(), tuple(tensor.shape))
        if tensor.numel() and place in seen:
            continue
        seen.add(place)
        if shard and size + tensor.nbytes > SHARD_SIZE:
            yield shard
            shard, size = {}, 0
        shard[name] = tensor.detach().contiguous()
        size += tensor.nbytes
    yield shard


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
