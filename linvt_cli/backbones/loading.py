"""Where a backbone runs and in which precision, and what to say when memory runs out."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from linvt_cli.backbones.container_memory import memory_left
from linvt_cli.backbones.machine_memory import free_on_machine
from linvt_cli.errors import ConfigError, DeviceError, OutOfMemoryError

# PyTorch has a class for its own allocator on accelerators: other failures are known by their words
_ALLOCATION = re.compile(
    r"can't allocate memory|CUDA (driver )?error: out of memory|(CUBLAS|CUDNN)_STATUS_ALLOC_FAILED"
    r"|CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation"
)
_FULL = "close what else uses it, or use another --device"
_SMALLER = "use fewer frames (--frames), fewer --video-tokens, or a smaller --model"
HIGHER_DTYPE = {
    torch.float16: "use --dtype bfloat16 or --dtype float32",
    torch.bfloat16: "use --dtype float32",
}
"""What to do where numbers overflow."""


def select_device(choice: str) -> torch.device:
    """Return the device that ``auto``, ``cpu``, ``cuda`` or ``cuda:N`` stands for on this machine.

    ``auto`` is the first CUDA device where there is one, else the CPU.

    Raises:
        ConfigError: if the choice is none of these words.
        DeviceError: if this machine lacks the CUDA device.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", choice):
        raise ConfigError(
            f"Unknown device '{choice}'. Expected auto, cpu, cuda or cuda:N",
            field="device",
            hint="leave out --device for the best that there is",
        )
    available = torch.cuda.is_available()
    if choice == "cpu" or (choice == "auto" and not available):
        return torch.device("cpu")
    if not available:
        raise DeviceError(
            f"Device '{choice}' was asked for, and PyTorch finds no CUDA device here",
            hint="use --device cpu, or run: linvt doctor",
        )
    index = int(choice.partition(":")[2] or 0)
    count = torch.cuda.device_count()
    if index >= count:
        raise DeviceError(
            f"Device '{choice}' was asked for, and this machine has {count} CUDA device(s)",
            hint=f"use --device cuda:{count - 1} or a lower number",
        )
    # cuDNN's attention, which PyTorch 2.13 takes first on such devices, gives wrong answers on B200
    # (pytorch #193893) and gradients that are no numbers on H100 and H200 (pytorch #196678).
    torch.backends.cuda.enable_cudnn_sdp(False)
    return torch.device("cuda", index)


def select_dtype(device: torch.device, *, half_precision: bool) -> torch.dtype:
    """Return the compute dtype: float32 on the CPU, and on CUDA where half precision is not wanted.

    Else bfloat16, which has the range of float32, or float16 on devices too old for bfloat16.
    """
    if device.type != "cuda" or not half_precision:
        return torch.float32
    with torch.cuda.device(device):
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if native else torch.float16


def free_memory(device: torch.device) -> int:
    """Return how many bytes a device can still give away.

    Raises:
        OutOfMemoryError: if a device is so full that it cannot even be asked.
    """
    if device.type == "cuda":
        with memory_errors_translated(device, hint=_FULL):
            return int(torch.cuda.mem_get_info(device)[0])
    return min(free_on_machine(), memory_left())


def wait_for(device: torch.device) -> None:
    """Wait until a device has done all it was told, so that wall times mean something."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def memory_errors_translated(
    device: torch.device, *, hint: str = _SMALLER, quantization: str | None = None
) -> Iterator[None]:
    """Turn PyTorch's failed allocations inside the block into one of our errors.

    Args:
        device: where it runs.
        hint: what to do about it.
        quantization: of the model that the block loads, if it does.

    Raises:
        OutOfMemoryError: if the block runs out of memory.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(
            f"Device '{device}' has not enough memory",
            hint=hint,
            quantization=quantization,
        ) from error


def give_memory_back(device: torch.device) -> None:
    """Give back what nothing refers to any more, so that something else finds room."""
    # Errors and the frames that they passed through refer to each other, and so do 4-bit layers of
    # bitsandbytes and their weights.
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def is_out_of_memory(error: Exception) -> bool:
    """Say whether an error of PyTorch's means that an allocation failed."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return _ALLOCATION.search(str(error)) is not None
