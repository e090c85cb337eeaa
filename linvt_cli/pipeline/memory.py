"""How much memory a model takes for what it is to do, from its shapes alone.

A model watches, then condenses, then answers; what one step held is given back before the next. The
need is that of the weights, of the hungriest step, and of what the libraries take for themselves.
``tests/benchmarks/bench_memory.py`` compares it with the real peak.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from linvt_cli.backbones.shapes import ModelShapes
from linvt_cli.backbones.spec import BackboneSpec
from linvt_cli.config import Quantization, Workload

_GIB = 2**30
FRAMES_PER_BATCH = 8  # that a vision encoder looks at together
_FRAME = 448 * 796 * 3  # bytes of a decoded frame of a wide video
_TEXT_TOKENS = 96  # of the chat template and a question
_COMPARED = 256 + 6  # numbers in which clustering compares tokens, float32
_COMPARISONS = 8192  # tokens compared at a time
_BITS = {"int8": 8.03, "nf4": 4.127}  # of a quantized weight with its scales
RUNTIME = {"cpu": 150 << 20, "cuda": 400 << 20}  # bytes of libraries, kernels and small things


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """What a model takes, in bytes."""

    weights: int
    watching: int  # frames, pixel values, activations of the vision encoder, visual tokens
    condensing: int  # visual tokens, and what clustering compares
    answering: int  # KV cache, activations of the language model, logits
    runtime: int

    @property
    def total(self) -> int:
        """All together at the worst moment."""
        work = max(self.watching, self.condensing, self.answering)
        return self.weights + work + self.runtime

    @property
    def gib(self) -> float:
        """The same in GiB."""
        return self.total / _GIB


def memory_need(
    spec: BackboneSpec,
    quantization: Quantization,
    dtype: torch.dtype,
    work: Workload,
    *,
    device: str = "cpu",
) -> MemoryNeed:
    """Return what a model takes.

    Args:
        spec: its row; without shapes, a quarter of the weights is put down for the work.
        quantization: of its language model.
        dtype: of all weights that are not quantized.
        work: what it is to do.
        device: ``cpu`` or ``cuda``; decoded frames never lie on a GPU.
    """
    shapes, bytes_each = spec.shapes, dtype.itemsize
    if shapes is None:
        weights = _weights_by_table(spec, quantization, bytes_each)
        return MemoryNeed(weights, weights // 4, 0, 0, RUNTIME[device])
    frames = spec.default_frames if work.frames is None else work.frames
    visual = frames * spec.tokens_per_frame * shapes.hidden * bytes_each
    decoded = frames * _FRAME if device == "cpu" else 0
    video_tokens = work.video_tokens or spec.default_video_tokens
    return MemoryNeed(
        weights=weights_need(spec.parameters, shapes, quantization, dtype),
        watching=decoded + visual + _vision_batch(shapes, min(frames, FRAMES_PER_BATCH), dtype),
        condensing=decoded
        + visual
        + 4 * frames * spec.tokens_per_frame * 3 * _COMPARED
        + 4 * _COMPARISONS * (video_tokens + 2 * _COMPARED),
        answering=decoded + _answer(shapes, video_tokens, work.new_tokens, quantization, dtype),
        runtime=RUNTIME[device],
    )


def _weights_by_table(spec: BackboneSpec, quantization: Quantization, bytes_each: int) -> int:
    if spec.memory is None:
        return spec.parameters * bytes_each
    gib = spec.memory.of(quantization)
    return int(gib * _GIB * (bytes_each / 2 if quantization == "none" else 1))


def weights_need(
    parameters: int, shapes: ModelShapes, quantization: Quantization, dtype: torch.dtype
) -> int:
    """Return the bytes of all weights."""
    if quantization == "none":
        return parameters * dtype.itemsize
    rest = parameters - shapes.quantized
    return int(shapes.quantized * _BITS[quantization] / 8) + rest * dtype.itemsize


def _vision_batch(shapes: ModelShapes, pictures: int, dtype: torch.dtype) -> int:
    """Bytes for pictures that are encoded together: their numbers, and the widest moment inside.

    That is the feed-forward network: what goes in, its norm and its sum, and twice the inside.
    """
    patches = pictures * shapes.patches
    widest = 3 * shapes.vision_hidden + 2 * shapes.vision_inner
    held = (shapes.vision_states - 1) * shapes.vision_hidden
    return patches * ((widest + held) * dtype.itemsize + 2 * 4 * shapes.patch_numbers)


def _answer(
    shapes: ModelShapes,
    video_tokens: int,
    new_tokens: int,
    quantization: Quantization,
    dtype: torch.dtype,
) -> int:
    """Bytes for reading the prompt and writing the answer."""
    prompt = _TEXT_TOKENS + video_tokens
    cache = 2 * shapes.layers * shapes.keys * (prompt + new_tokens)
    activations = prompt * (4 * shapes.hidden + 3 * shapes.inner)
    unpacked = 0 if quantization == "none" else shapes.widest
    return (cache + activations + shapes.vocabulary + unpacked) * dtype.itemsize
