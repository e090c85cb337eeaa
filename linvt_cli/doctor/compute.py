"""Checks that PyTorch computes right, on the CPU and on every GPU."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch.nn import functional as F

from linvt_cli.backbones.loading import free_memory, select_device, select_dtype
from linvt_cli.doctor.findings import Circumstances, Finding
from linvt_cli.errors import DeviceError, MachineError

_GIB = 2**30
_DRIVER = Path("/proc/driver/nvidia/version")
_VISIBLE = "CUDA_VISIBLE_DEVICES"
_TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 3e-3}  # relative


def check_torch(_: Circumstances) -> Finding:
    """Multiply and attend on the CPU.

    Raises:
        MachineError: if the numbers are wrong.
    """
    device = torch.device("cpu")
    for dtype in (torch.float32, torch.bfloat16):
        if (error := largest_error(device, dtype)) > _TOLERANCE[dtype]:
            raise MachineError(
                f"PyTorch computes wrong numbers on the CPU ({dtype}: {error:.1e})",
                hint="install torch again; else the processor or its memory is faulty",
            )
    memory = free_memory(device) / _GIB
    return Finding(
        f"{torch.__version__}, {torch.get_num_threads()} threads, {memory:.1f} GiB of memory free",
        facts={
            "version": str(torch.__version__),
            "threads": torch.get_num_threads(),
            "instructions": torch.backends.cpu.get_cpu_capability(),
            "free_memory_gib": round(memory, 1),
        },
    )


def check_gpu(circumstances: Circumstances) -> Finding:
    """Multiply and attend on every CUDA device.

    Raises:
        DeviceError: if the user wants a device that is not there, or that does not work.
    """
    driver, wanted = driver_version(), circumstances.device
    if not torch.cuda.is_available():
        found = _without_cuda(driver, built_for=torch.version.cuda, wanted=wanted != "cpu")
        if wanted.startswith("cuda"):
            raise DeviceError(
                f"Device '{wanted}' was asked for; {found.message}",
                hint=found.hint or "use --device cpu",
            )
        select_device(wanted)
        return found
    chosen = select_device(wanted)
    devices: list[dict[str, object]] = []
    troubles: list[str] = []
    for index in range(torch.cuda.device_count()):
        try:
            devices.append(_try_device(index))
        except DeviceError as error:
            if chosen == torch.device("cuda", index):
                raise
            troubles.append(error.message)  # of one that nobody asked for
    names = ", ".join(f"{each['name']} with {each['free_gib']} GiB free" for each in devices)
    facts = {"driver": driver, "cuda": torch.version.cuda, "devices": devices}
    told = f"CUDA {torch.version.cuda}, driver {driver or 'unknown'}"
    if troubles:
        return Finding(
            "; ".join([*troubles, *([names] if names else []), told]),
            facts,
            status="warning",
            hint=f"linvt was told to use {chosen}, which works",
        )
    return Finding(f"{names}; {told}", facts=facts)


def _without_cuda(driver: str | None, *, built_for: str | None, wanted: bool) -> Finding:
    """Say why there is no CUDA device: no driver, a PyTorch without CUDA, or one too new for it.

    Args:
        driver: its version, if it is there.
        built_for: the version of CUDA that PyTorch is built for, if it is.
        wanted: whether the user would have taken a device.

    Raises:
        DeviceError: if driver and PyTorch are both there and do not go together.
    """
    facts: dict[str, object] = {"driver": driver, "cuda": built_for, "devices": []}
    if driver is None:
        return Finding("no NVIDIA driver here: models run on the CPU", facts)
    if built_for is None:
        return Finding(
            f"the NVIDIA driver {driver} is here, and this PyTorch is built without CUDA",
            facts,
            status="warning",
            hint="pip install --force-reinstall torch"
            " --index-url https://download.pytorch.org/whl/cu126",
        )
    if (visible := os.environ.get(_VISIBLE)) is not None:
        message = f"{_VISIBLE}='{visible}' hides all devices: models run on the CPU"
        return Finding(message, facts, status="warning", hint=f"unset {_VISIBLE}")
    message = (
        f"PyTorch, built for CUDA {built_for}, finds no device with the NVIDIA driver {driver}"
    )
    hint = "update the NVIDIA driver and start the machine again; a container must be given the GPU"
    if not wanted:
        return Finding(message, facts, status="warning", hint=hint)
    raise DeviceError(message, hint=hint)


def _try_device(index: int) -> dict[str, object]:
    device = torch.device("cuda", index)
    properties = torch.cuda.get_device_properties(device)
    half = select_dtype(device, half_precision=True)
    try:
        for dtype in (torch.float32, half):
            if (error := largest_error(device, dtype)) > 10 * _TOLERANCE[dtype]:
                raise DeviceError(
                    f"Device '{device}' computes wrong numbers ({dtype}: {error:.1e})",
                    hint="use another --device, and have this one looked after",
                )
    except RuntimeError as error:
        raise DeviceError(
            f"Device '{device}' fails: {str(error).splitlines()[0]}",
            hint="close what else uses it; if that does not help, start the machine again",
        ) from error
    return {
        "name": properties.name,
        "total_gib": round(properties.total_memory / _GIB, 1),
        "free_gib": round(free_memory(device) / _GIB, 1),
        "capability": f"{properties.major}.{properties.minor}",
    }


def driver_version(file: Path = _DRIVER) -> str | None:
    """Return the version of the NVIDIA driver that runs; None where none does, or not on Linux."""
    try:
        first = file.read_text(encoding="utf-8", errors="replace").splitlines()[0]
    except (OSError, IndexError):
        return None
    words = first.split()
    return next((word for word in words if word[:1].isdigit() and "." in word), None)


def largest_error(device: torch.device, dtype: torch.dtype) -> float:
    """Return how far products and attention on a device are off, relative to the largest number.

    The reference is computed in 64 bits, with sums and exponentials alone.
    """
    grid = torch.arange(64 * 64, dtype=torch.float64).reshape(64, 64)
    left, right = torch.sin(grid / 7), torch.cos(grid / 11)
    product = (left.unsqueeze(-1) * right.unsqueeze(0)).sum(dim=1)
    scores = (left.unsqueeze(1) * right.unsqueeze(0)).sum(dim=-1) / 8  # √64
    weights = scores.exp() / scores.exp().sum(dim=-1, keepdim=True)
    attended = (weights.unsqueeze(-1) * left.unsqueeze(0)).sum(dim=1)
    first, second = (each.to(device=device, dtype=dtype) for each in (left, right))
    found = first @ second, F.scaled_dot_product_attention(first[None], second[None], first[None])
    return max(
        float((one.reshape(64, 64).cpu().double() - other).abs().max() / other.abs().max())
        for one, other in zip(found, (product, attended), strict=True)
    )
