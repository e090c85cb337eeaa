"""Loads public checkpoint files as they are published, and refuses what does not fit exactly.

No code of a checkpoint is ever run: configurations are read as JSON, weights as safetensors, and
where names or shapes differ from the class that runs here, transformers renames them while loading.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel, core_model_loading
from transformers.conversion_mapping import register_checkpoint_conversion_mapping
from transformers.core_model_loading import ConversionOps
from transformers.utils import logging as transformers_logging

from linvt_cli.backbones.attention import AttentionChoice, choose_attention, fall_back
from linvt_cli.backbones.copy_description import REMAKE_HINT, is_copy
from linvt_cli.backbones.four_bits_on_cpu import settle_four_bits
from linvt_cli.backbones.loading import is_out_of_memory
from linvt_cli.backbones.mapped_files import pages_given_back
from linvt_cli.backbones.prequantized import layers_left_alone, stored_quantization
from linvt_cli.backbones.quantization import quantization_settings
from linvt_cli.backbones.quantized_copy import as_saved
from linvt_cli.backbones.snapshot import COMPLETE_HINT, shortened, weight_shapes
from linvt_cli.config import Quantization
from linvt_cli.errors import BackboneLoadError
from linvt_cli.types import QUANTIZED_COPY

UNUSED_HEAD: Final = [r"^model\.vision_tower\.head\."]
"""What transformers is told not to miss: the pooling head of a SigLIP tower that is read before."""

_LOGGER = logging.getLogger(__name__)
_OTHER_MODEL = "these files belong to another model or to another version of it"
_OTHER_COPY = f"{QUANTIZED_COPY} describes other weights: {REMAKE_HINT}"
_MISMATCHED = "ignore_mismatched_sizes"  # in the words of transformers
_RENAMED: set[type[PreTrainedModel]] = set()  # classes whose public files have other names


def register_layout(model_class: type[PreTrainedModel], mapping: list[Any]) -> None:
    """Tell transformers how a class's public checkpoints name its weights.

    Args:
        model_class: a class of our own, so that the stock class keeps its own mapping.
        mapping: ``WeightRenaming`` and ``WeightConverter`` of transformers; all renamings come
            first, and converters match names that are already renamed.
    """
    _RENAMED.add(model_class)
    register_checkpoint_conversion_mapping(model_class.__name__, mapping, overwrite=True)


class TensorConversion(ConversionOps):
    """A change of tensors on their way from a file to the model: from a few to a few."""

    @torch.no_grad()
    def convert(
        self,
        input_dict: dict[str, Any],
        source_patterns: list[str],
        target_patterns: list[str],
        **context: Any,
    ) -> dict[str, list[Tensor]]:
        """Take tensors out of transformers' hands and give the changed ones back."""
        found = [input_dict[pattern] for pattern in source_patterns]
        sources = [tensor[0] if isinstance(tensor, list) else tensor for tensor in found]
        targets = self.converted(sources, context["config"])
        return {name: [tensor] for name, tensor in zip(target_patterns, targets, strict=True)}

    @abstractmethod
    def converted(self, sources: list[Tensor], config: PreTrainedConfig) -> list[Tensor]:
        """Return what becomes of the sources, in the order of the target names."""


class JoinRows(TensorConversion):
    """Put the rows of added tokens behind those of the vocabulary proper.

    Rows of the vocabulary that are allocated and stand for no token are left out.
    """

    def converted(self, sources: list[Tensor], config: PreTrainedConfig) -> list[Tensor]:
        """Return one table."""
        base, added = sources
        return [torch.cat([base[: config.get_text_config().vocab_size - len(added)], added])]


def load_model(
    model_class: type[PreTrainedModel],
    config: PreTrainedConfig,
    folder: Path,
    *,
    device: torch.device,
    dtype: torch.dtype,
    quantization: Quantization,
    full_precision: tuple[str, ...],
) -> PreTrainedModel:
    """Load all weights of a checkpoint, each in its place.

    Args:
        model_class: what to build.
        config: of the class, made from the checkpoint's own.
        folder: the checkpoint's files.
        device: where the model goes.
        dtype: of all weights that are not quantized.
        quantization: of the language model's linear layers.
        full_precision: full names of the modules that are never quantized; the head is among them.

    Raises:
        BackboneLoadError: if a weight is missing, is one too many or has another shape, or if the
            weights are quantized already in another way.
    """
    _require_no_lora(folder)
    settings = quantization_settings(quantization, dtype, full_precision)
    stored = stored_quantization(folder)
    if stored != "none":
        if is_copy(folder):
            model_class = as_saved(model_class)
        _require_readable(folder, model_class, stored, quantization)
        alone = layers_left_alone(folder, weight_shapes(folder), full_precision)
        told: Any = quantization_settings(stored, dtype, (*full_precision, *alone))
        config.quantization_config, settings = told.to_dict(), None
    options = {
        "config": config,
        "dtype": dtype,
        "device_map": {"": device},
        "quantization_config": settings,
        "use_safetensors": True,
        "local_files_only": True,
        "trust_remote_code": False,
        "output_loading_info": True,
    }
    quantizing = pages_given_back(folder) if settings is not None else nullcontext()
    try:
        with quantizing:
            model, info = _load_with_attention(
                model_class, folder, choose_attention(device, dtype, model_class), options
            )
    except (OSError, ValueError, KeyError, SafetensorError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise
        if _MISMATCHED in str(error):
            raise BackboneLoadError(
                f"The weights in '{folder}' have other shapes than is said of them",
                hint=_OTHER_COPY if is_copy(folder) else _OTHER_MODEL,
            ) from error
        raise BackboneLoadError(
            f"The weights in '{folder}' cannot be loaded: {_first_line(error)}",
            hint=COMPLETE_HINT,
        ) from error
    _require_exact(folder, info)
    settle_four_bits(model)
    model.train(False)
    return model


def _require_no_lora(folder: Path) -> None:
    """Refuse a LoRA beside the weights: transformers would apply it where peft is installed."""
    if (folder / "adapter_config.json").exists():
        raise BackboneLoadError(
            f"'{folder}' holds a LoRA (adapter_config.json) beside the weights of a model",
            hint="if the weights have it already, move adapter_config.json away; else merge it",
        )


def _load_with_attention(
    model_class: type[PreTrainedModel],
    folder: Path,
    attention: AttentionChoice,
    options: dict[str, Any],
) -> tuple[PreTrainedModel, dict[str, Any]]:
    """Load with the chosen attention, or with PyTorch's own where flash-attn turns out to fail."""
    try:
        with _quietly(), _memory_errors_let_out():
            loaded: Any = model_class.from_pretrained(
                folder, attn_implementation=attention.implementation, **options
            )
    except (ImportError, ValueError) as error:
        if attention.implementation == "sdpa":
            raise
        attention = fall_back(error)
        _LOGGER.warning("%s; PyTorch's own attention is used", attention.reason)
        return _load_with_attention(model_class, folder, attention, options)
    _LOGGER.info("attention: %s (%s)", attention.implementation, attention.reason)
    model, info = loaded
    return model, info


def _require_readable(
    folder: Path, model_class: type[PreTrainedModel], stored: Quantization, wanted: Quantization
) -> None:
    if stored != wanted:
        raise BackboneLoadError(
            f"The weights in '{folder}' are quantized already: {stored}, not {wanted}",
            hint=f"use --quant {stored}, or the files as first published",
        )
    if model_class in _RENAMED:
        raise BackboneLoadError(
            f"The weights in '{folder}' are quantized already, and in this layout they would have"
            " to be taken apart",
            hint="use the files as first published: --quant int8 or nf4 quantizes while loading",
        )


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep transformers from drawing bars and giving advice: what matters becomes an error."""
    verbosity = transformers_logging.get_verbosity()
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()


@contextmanager
def _memory_errors_let_out() -> Iterator[None]:
    """Let a failed allocation end the loading.

    What fails while a weight is converted or quantized, transformers (5.17 to 5.24) writes into its
    log, goes on with the next, and in the end raises an error without a word of the cause.
    """
    library: Any = core_model_loading
    # A version that does not call it so calls nothing here, and loads as before
    log_conversion_errors = getattr(library, "log_conversion_errors", nullcontext)

    @contextmanager
    def log_all_others(*args: Any, **options: Any) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if is_out_of_memory(error):
                raise
            with log_conversion_errors(*args, **options):
                raise

    library.log_conversion_errors = log_all_others
    try:
        yield
    finally:
        library.log_conversion_errors = log_conversion_errors


def _require_exact(folder: Path, info: dict[str, Any]) -> None:
    for key, what in (
        ("missing_keys", "lack"),
        ("unexpected_keys", "have unknown"),
        ("mismatched_keys", "have other shapes of"),
    ):
        names = sorted(str(name[0] if isinstance(name, tuple) else name) for name in info[key])
        if names:
            raise BackboneLoadError(
                f"The weights in '{folder}' {what} {shortened(names)}",
                hint=_OTHER_COPY if is_copy(folder) else _OTHER_MODEL,
            )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
