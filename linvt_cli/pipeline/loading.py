"""Loads an image-LLM with its video tokenizer by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from linvt_cli.backbones.base import Backbone
from linvt_cli.backbones.loading import memory_errors_translated, select_device
from linvt_cli.backbones.lora import apply_lora
from linvt_cli.backbones.registry import load_backbone
from linvt_cli.backbones.spec import BackboneSpec
from linvt_cli.config import Workload
from linvt_cli.pipeline.model_choice import (
    checkpoint_of,
    find_checkpoint,
    find_model,
    trained_frames,
)
from linvt_cli.pipeline.precision import LIGHTER_HINT, choose_dtype, choose_quantization
from linvt_cli.pipeline.tokenizer_choice import TokenizerChoice, choose_tokenizer
from linvt_cli.pipeline.weights import Weights, find_weights, source_of_weights
from linvt_cli.types import ModelInfo, TokenizerName
from linvt_cli.video_tokenizer.base import VideoTokenizer
from linvt_cli.video_tokenizer.checkpoint import read_checkpoint_info
from linvt_cli.video_tokenizer.factory import make_tokenizer
from linvt_cli.video_tokenizer.package import ADAPTER

if TYPE_CHECKING:
    from linvt_cli.backbones.base import TunableBackbone


@dataclass(frozen=True, slots=True)
class LoadedParts:
    """What a ``VideoQA`` is made of."""

    spec: BackboneSpec
    backbone: Backbone
    tokenizer: VideoTokenizer
    model: ModelInfo
    num_frames: int  # looked at where nobody says how many


@dataclass(frozen=True, slots=True)
class LoadedImageLLM:
    """An image-LLM, and which of its files were loaded."""

    spec: BackboneSpec
    backbone: Backbone
    weights: Weights


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is settled before any file of an image-LLM is looked at."""

    spec: BackboneSpec
    tokenizer: TokenizerChoice
    num_frames: int  # looked at where nobody says how many
    work: Workload


def require_loadable(
    model: str,
    *,
    tokenizer: TokenizerName | None,
    checkpoint: str | Path | None,
    num_video_tokens: int | None,
    device: str,
    quantization: str,
    dtype: str,
    work: Workload,
) -> None:
    """Find out, before gigabytes come down, whether loading a model would fail anyway.

    Arguments and errors are those of ``VideoQA.load``. The model is one of the catalogue, for of
    others nothing is known before their files are here.
    """
    place = select_device(device)
    plan = _plan(model, tokenizer, checkpoint, num_video_tokens, work)
    if plan.tokenizer.checkpoint is not None:
        read_checkpoint_info(plan.tokenizer.checkpoint)
    precision = choose_dtype(dtype, place, plan.spec)
    choose_quantization(quantization, place, precision, plan.spec, plan.work)


def load_parts(
    model: str,
    *,
    tokenizer: TokenizerName | None,
    checkpoint: str | Path | None,
    num_video_tokens: int | None,
    device: str,
    weights: str | Path | None,
    quantization: str,
    dtype: str,
    work: Workload,
    keep_quantized: bool,
    on_notice: Callable[[str], None],
) -> LoadedParts:
    """Load what ``VideoQA.load`` is asked for; arguments and errors are described there."""
    plan = _plan(model, tokenizer, checkpoint, num_video_tokens, work)
    spec, choice = plan.spec, plan.tokenizer
    loaded = load_image_llm(
        model,
        device=device,
        weights=weights,
        quantization=quantization,
        dtype=dtype,
        work=plan.work,
        keep_quantized=keep_quantized,
        on_notice=on_notice,
    )
    backbone, found = loaded.backbone, loaded.weights
    with memory_errors_translated(
        backbone.device, hint=LIGHTER_HINT, quantization=found.quantization
    ):
        video_tokenizer = make_tokenizer(
            choice.name,
            num_video_tokens=choice.num_video_tokens,
            checkpoint=choice.checkpoint,
            backbone_name=spec.name,
            embed_dim=backbone.embed_dim,
            device=backbone.device,
            dtype=backbone.dtype,
            backbone_revision=found.revision,
        )
        if choice.checkpoint is not None and (choice.checkpoint / ADAPTER).exists():
            # All backbones of the catalogue can be given one.
            apply_lora(cast("TunableBackbone", backbone), choice.checkpoint / ADAPTER)
    return LoadedParts(
        spec,
        backbone,
        video_tokenizer,
        ModelInfo(
            spec.name,
            choice.name,
            choice.checkpoint_name,
            quantization=found.quantization,
            revision=found.revision,
        ),
        plan.num_frames,
    )


def load_image_llm(
    model: str,
    *,
    device: str,
    weights: str | Path | None,
    quantization: str,
    dtype: str,
    work: Workload,
    keep_quantized: bool,
    on_notice: Callable[[str], None],
) -> LoadedImageLLM:
    """Load an image-LLM alone; arguments and errors are those of ``VideoQA.load``."""
    spec, own_folder = find_model(model)
    place = select_device(device)
    precision = choose_dtype(dtype, place, spec)
    with memory_errors_translated(place, hint=LIGHTER_HINT):
        found = find_weights(
            spec,
            None if weights is not None else source_of_weights(spec, model),
            own_folder if weights is None else Path(weights),
            choice=quantization,
            device=place,
            dtype=precision,
            work=work,
            keep_quantized=keep_quantized,
            notify=on_notice,
        )
    with memory_errors_translated(place, hint=LIGHTER_HINT, quantization=found.quantization):
        backbone = load_backbone(
            spec,
            folder=found.folder,
            device=place,
            dtype=precision,
            quantization=found.quantization,
        )
    return LoadedImageLLM(spec, backbone, found)


def _plan(
    model: str,
    tokenizer: TokenizerName | None,
    checkpoint: str | Path | None,
    num_video_tokens: int | None,
    work: Workload,
) -> _Plan:
    spec, _ = find_model(model)
    if checkpoint is None and tokenizer in (None, "linvt"):
        checkpoint = checkpoint_of(model)
    num_frames = (checkpoint and trained_frames(checkpoint)) or spec.default_frames
    choice = choose_tokenizer(
        spec,
        tokenizer=tokenizer,
        checkpoint=None if checkpoint is None else find_checkpoint(checkpoint),
        num_video_tokens=num_video_tokens,
    )
    video_tokens = _video_tokens(spec, choice, work)
    work = replace(work, frames=work.frames or num_frames, video_tokens=video_tokens)
    return _Plan(spec, choice, num_frames, work)


def _video_tokens(spec: BackboneSpec, choice: TokenizerChoice, work: Workload) -> int:
    """Return how many tokens of the video the language model will read."""
    if choice.name == "all":
        return (work.frames or spec.default_frames) * spec.tokens_per_frame
    return choice.num_video_tokens
