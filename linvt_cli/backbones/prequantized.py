"""Checkpoints whose weights are quantized already: what can be read, and which layers it is.

Third-party copies list the layers they left alone under names that no longer fit the classes of
transformers; taken at their word, an untouched vision tower would be read as a quantized one. The
files themselves say it exactly: a quantized weight comes with tensors that tell how.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from linvt_cli.backbones.snapshot import read_config, shortened
from linvt_cli.config import Quantization
from linvt_cli.errors import BackboneLoadError

_ORIGINAL_HINT = "use the files as first published: --quant int8 or nf4 quantizes while loading"
_COMPANIONS = (".weight.absmax", ".SCB")  # beside every weight in 4 and in 8 bits
_LAYERS = "layers."


def stored_quantization(folder: Path) -> Quantization:
    """Return how the weights of a checkpoint are quantized: ``none`` where they are not.

    Raises:
        BackboneLoadError: if they are in a way that cannot be read here.
    """
    settings = read_config(folder).get("quantization_config")
    if not settings:
        return "none"
    method = settings.get("quant_method", "bitsandbytes")
    if method == "bitsandbytes" and settings.get("load_in_8bit"):
        return "int8"
    kind = settings.get("bnb_4bit_quant_type", "fp4")
    if method == "bitsandbytes" and settings.get("load_in_4bit") and kind == "nf4":
        return "nf4"
    found = f"{method} {kind}" if method == "bitsandbytes" else method
    raise BackboneLoadError(
        f"The weights in '{folder}' are quantized by {found}. Expected bitsandbytes int8 or nf4",
        hint=_ORIGINAL_HINT,
    )


def layers_left_alone(
    folder: Path, shapes: Mapping[str, tuple[int, ...]], full_precision: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the ends of names of the language model's layers that are not quantized.

    Args:
        folder: the checkpoint's, named in messages.
        shapes: of all weights, by their names in the files.
        full_precision: full names of modules that must not be quantized.

    Raises:
        BackboneLoadError: if one of these is.
    """
    quantized = {
        name.removesuffix(companion)
        for name in shapes
        for companion in _COMPANIONS
        if name.endswith(companion)
    }
    # Files may put other names in front, but the module's own name stays
    parts = {name.rpartition(".")[2] for name in full_precision}
    wrong = sorted(name for name in quantized if parts & set(name.split(".")))
    if wrong:
        raise BackboneLoadError(
            f"The weights in '{folder}' are quantized where linvt needs full precision:"
            f" {shortened(wrong)}",
            hint=_ORIGINAL_HINT,
        )
    matrices = {
        name.removesuffix(".weight")
        for name, shape in shapes.items()
        if name.endswith(".weight") and len(shape) == 2 and not parts & set(name.split("."))
    }
    return tuple(
        sorted(name[name.index(_LAYERS) :] for name in matrices - quantized if _LAYERS in name)
    )
