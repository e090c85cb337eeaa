"""What a step of training costs, in seconds and in arithmetic; and the model as it was before."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from linvt_cli.backbones.image_llm import ImageLLM


class Clock:
    """Seconds of the parts of a step; the device is waited for around each."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.seconds: dict[str, float] = {}

    def wait(self) -> None:
        """Wait until the device has done all it was told."""
        if self._device.type == "cuda":
            torch.cuda.synchronize()

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, with its time added to a part."""

        def call(*arguments: Any, **options: Any) -> Any:
            self.wait()
            started = time.perf_counter()
            result = function(*arguments, **options)
            self.wait()
            spent = time.perf_counter() - started
            self.seconds[name] = self.seconds.get(name, 0.0) + spent
            return result

        return call


def attention_flops(query: Any, key: Any, value: Any) -> int:
    """FLOPs of attention forwards, where several heads of queries may share keys."""
    batch, heads, length, width = query
    return int(2 * batch * heads * length * key[-2] * (width + value[-1]))


def attention_backward_flops(_: Any, query: Any, key: Any, value: Any) -> int:
    """FLOPs of attention backwards: five products where there were two."""
    return attention_flops(query, key, value) * 5 // 2


def matmul_ceiling(device: torch.device, size: int = 8192) -> float:
    """FLOP/s of a large product in bfloat16, the median of ten."""
    left, right = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in "ab")
    times = []
    for _ in range(13):
        torch.cuda.synchronize()
        started = time.perf_counter()
        left @ right
        torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return float(2 * size**3 / statistics.median(times[3:]))


def as_method(timed: Callable[..., Any], owner: Any) -> Callable[..., Any]:
    """Return a function as it is put in the place of one of a class, or of an object."""
    if isinstance(owner, type):
        return lambda self, *arguments, **options: timed(self, *arguments, **options)
    return timed


def take_lora_off(backbone: ImageLLM) -> None:
    """Give the language model its plain layers back."""
    decoder = backbone.decoder()
    for name, module in list(decoder.named_modules()):
        if hasattr(module, "base_layer"):
            parent, _, last = name.rpartition(".")
            setattr(decoder.get_submodule(parent), last, module.base_layer)
    del decoder.peft_config
    decoder.gradient_checkpointing_disable()
    gc.collect()
