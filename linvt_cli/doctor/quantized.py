"""Check that bitsandbytes multiplies right with 4-bit and 8-bit weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from linvt_cli.backbones.loading import select_device
from linvt_cli.doctor.findings import Circumstances, Finding
from linvt_cli.errors import MachineError

SIZE = 128
"""Rows and columns of the weights: two blocks of NF4 a row."""
_BLOCK = 64
_TOLERANCE = 2e-2  # relative; on CUDA the inputs of 8-bit layers are rounded to 8 bits too

# The 16 levels of NF4 (arXiv 2305.14314, appendix E)
NF4_LEVELS = (
    *(-1.0, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.091050036, 0.0),
    *(0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1.0),
)


def check_quantized(circumstances: Circumstances) -> Finding:
    """Compare products of bitsandbytes with ours, on the device that models would run on.

    Raises:
        MachineError: if bitsandbytes cannot be loaded or computes wrong numbers.
    """
    wanted = circumstances.device if torch.cuda.is_available() else "cpu"
    device = select_device(wanted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it tells of casts, which are meant
        version, layers = _quantized_layers(device)
        inputs = torch.cos(torch.arange(4.0 * SIZE)).reshape(4, SIZE)
        errors = {}
        for name, (layer, weights) in layers.items():
            with torch.no_grad():
                found = layer(inputs.to(device, torch.float16 if device.type == "cuda" else None))
            errors[name] = relative_error(found.cpu().float(), inputs @ weights.T)
    facts = {"version": version, "device": str(device), "errors": errors}
    for name, error in errors.items():
        if not error <= _TOLERANCE:
            raise MachineError(
                f"bitsandbytes {version} computes wrong {name} products on '{device}':"
                f" they are off by {error:.0%}",
                hint="install bitsandbytes again, or do without: --quant none",
            )
    return Finding(f"{version}: 4-bit and 8-bit products are right on '{device}'", facts)


def _quantized_layers(device: torch.device) -> tuple[str, dict[str, tuple[nn.Module, Tensor]]]:
    """Return bitsandbytes' version and its layers by name, each with the weights it stands for."""
    import bitsandbytes
    from bitsandbytes.nn.modules import Linear4bit, Linear8bitLt

    weights = torch.sin(torch.arange(float(SIZE * SIZE))).reshape(SIZE, SIZE) / 20
    compute = torch.float16 if device.type == "cuda" else torch.float32
    make_four: Callable[..., nn.Module] = Linear4bit
    make_eight: Callable[..., nn.Module] = Linear8bitLt
    four = make_four(SIZE, SIZE, bias=False, compute_dtype=compute, quant_type="nf4")
    eight = make_eight(SIZE, SIZE, bias=False, has_fp16_weights=False)
    for layer in (four, eight):
        layer.load_state_dict({"weight": weights})
    return bitsandbytes.__version__, {
        "4-bit": (four.to(device), round_to_nf4(weights)),
        "8-bit": (eight.to(device), round_to_int8(weights)),
    }


def round_to_nf4(weights: Tensor) -> Tensor:
    """Return weights as NF4 keeps them: of each block, 16 levels of its largest."""
    blocks = weights.reshape(-1, _BLOCK)
    largest = blocks.abs().amax(dim=1, keepdim=True)
    levels = torch.tensor(NF4_LEVELS)
    nearest = ((blocks / largest).unsqueeze(-1) - levels).abs().argmin(dim=-1)
    return (levels[nearest] * largest).reshape(weights.shape)


def round_to_int8(weights: Tensor) -> Tensor:
    """Return weights as 8 bits keep them: of each row, 255 even levels of its largest."""
    largest = weights.abs().amax(dim=1, keepdim=True)
    return torch.round(weights / largest * 127) * largest / 127


def relative_error(found: Tensor, expected: Tensor) -> float:
    """Return the largest difference, relative to the largest expected number."""
    return float((found - expected).abs().max() / expected.abs().max())
